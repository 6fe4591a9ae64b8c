/** The parts that programs and files have registered, by name. */
import { UsageError } from "./errors.js";

export type PartKind = "network" | "attack" | "corruption";

export interface RegisteredPart {
  readonly kind: PartKind;
  readonly name: string;
}

const PARTS: RegisteredPart[] = [];

/**
 * Called by `registerModel`, `registerAttack` and `registerCorruption`, once they know that the name is free.
 *
 * @throws UsageError ERR_PARTS the name cannot be part of a file's name
 */
export function noteRegistered(kind: PartKind, name: string): void {
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) {
    throw new UsageError(
      "ERR_PARTS",
      `the name of a registered ${kind} must be of letters, digits, hyphens, dots and underscores, as files are called by it; got ${JSON.stringify(name)}`,
    );
  }
  PARTS.push({ kind, name });
}

/** In the order in which they were registered. */
export const registeredParts = (): readonly RegisteredPart[] => PARTS;

/** The names of one kind, in the order in which they were registered. */
export const registeredNames = (kind: PartKind): string[] =>
  PARTS.filter((part) => part.kind === kind).map(({ name }) => name);
