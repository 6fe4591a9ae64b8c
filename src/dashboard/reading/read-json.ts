/** Reads JSON that other programs write, or that may be damaged. */
import { readFileSync } from "node:fs";

export type JsonObject = Readonly<Record<string, unknown>>;

/** The object in a file; undefined if it cannot be read. */
export function readJsonObject(path: string): JsonObject | undefined {
  try {
    return objectOf(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}

export const objectOf = (value: unknown): JsonObject | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

export const numberOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;

export const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
