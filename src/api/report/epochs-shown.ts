/** At most `most` of some records: the first, the last, and evenly spaced ones between them. */
export function spread<Record>(records: readonly Record[], most: number): Record[] {
  if (records.length <= most) return [...records];
  const indices = Array.from({ length: most }, (_, i) => Math.round((i * (records.length - 1)) / (most - 1)));
  return indices.map((index) => records[index]);
}
