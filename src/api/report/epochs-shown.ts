/** So many of some records as a reader can take in: the first, the last, and some as far apart as can be between them. */
export function spread<Record>(records: readonly Record[], most: number): Record[] {
  if (records.length <= most) return [...records];
  const places = Array.from({ length: most }, (_, i) => Math.round((i * (records.length - 1)) / (most - 1)));
  return places.map((place) => records[place]);
}
