/** The numbers of a line of metrics.jsonl, whatever version of the program wrote it. */

/** A record with its place in time. */
export interface ParsedRecord {
  readonly type: string;
  readonly step: number;
  readonly epoch: number | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** undefined where the line is no record. */
export function parseRecord(line: string): ParsedRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Record<string, unknown>;
  const { type, step, epoch } = fields;
  if (typeof step !== "number" || !Number.isFinite(step)) return undefined;
  return {
    type: typeof type === "string" ? type : "step",
    step,
    epoch: typeof epoch === "number" ? epoch : undefined,
    fields,
  };
}

/** Calls `onNumber` with every number of a record by its path, but those that say where it stands. */
export function eachNumber({ type, fields }: ParsedRecord, onNumber: (name: string, value: number) => void): void {
  const visit = (prefix: string, value: Readonly<Record<string, unknown>>, depth: number) => {
    for (const [key, inner] of Object.entries(value)) {
      if (depth === 0 && (key === "step" || key === "epoch" || key === "count")) continue;
      if (typeof inner === "number") onNumber(`${prefix}.${key}`, inner);
      else if (depth < 2 && typeof inner === "object" && inner !== null && !Array.isArray(inner))
        visit(`${prefix}.${key}`, inner as Record<string, unknown>, depth + 1);
    }
  };
  visit(type, fields, 0);
}
