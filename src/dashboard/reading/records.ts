/** Parses lines of metrics.jsonl from any version of the program. */

/** A record with its type, step and epoch. */
export interface ParsedRecord {
  readonly type: string;
  readonly step: number;
  readonly epoch: number | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The record in a line; undefined if the line is not a record. */
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

/**
 * Calls `onNumber` with every number of a record except its step and epoch. The section, such as "step" or "validation.routes.main", and
 * the key are passed separately, because joining them would take longer than reading the numbers.
 */
export function eachNumber(
  { type, fields }: ParsedRecord,
  onNumber: (section: string, key: string, value: number) => void,
): void {
  visit(type, fields, 0, onNumber);
}

function visit(
  section: string,
  fields: Readonly<Record<string, unknown>>,
  depth: number,
  onNumber: (section: string, key: string, value: number) => void,
): void {
  for (const key of Object.keys(fields)) {
    const value = fields[key];
    if (depth === 0 && (key === "step" || key === "epoch" || key === "count")) continue;
    if (typeof value === "number") onNumber(section, key, value);
    else if (depth < 2 && typeof value === "object" && value !== null && !Array.isArray(value)) {
      visit(`${section}.${key}`, value as Record<string, unknown>, depth + 1, onNumber);
    }
  }
}
