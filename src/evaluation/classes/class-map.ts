/** Files that say which of a model's classes the folders of a set stand for. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { UsageError } from "../../errors.js";

/** What the folders of a set stand for. */
export interface ClassMap {
  /**
   * `all`: an image may be taken for any class of the model; the probabilities of a folder's classes are added. `mapped`:
   * only for the folders' classes, whose probabilities are averaged.
   */
  readonly decide: "all" | "mapped";
  /** By folder, names of the model's classes. */
  readonly classes: Readonly<Record<string, readonly string[]>>;
}

const folders = z.record(
  z.string(),
  z.union([z.string().transform((name) => [name]), z.array(z.string()).min(1)], {
    error: "must be the name of a class, or a list of names",
  }),
);
const full = z.strictObject({ decide: z.enum(["all", "mapped"]).default("all"), classes: folders });

/**
 * Reads a class map, JSON or YAML: a mapping from folders to a class name or a list of names; or
 * `{ decide: all | mapped, classes: <that mapping> }`, where decide is `all` unless given.
 *
 * @throws ERR_CLASS_MAP it cannot be read, or has another form
 */
export function readClassMap(path: string): ClassMap {
  let value: unknown;
  try {
    value = parse(readFileSync(path, "utf8"), { logLevel: "error" });
  } catch (cause) {
    throw new UsageError("ERR_CLASS_MAP", `${path}: ${(cause as Error).message}`, { cause });
  }
  // A folder called "classes" stands for a name or a list, never for a mapping.
  const wrapped = z.object({ classes: z.record(z.string(), z.unknown()) }).safeParse(value).success;
  const result = wrapped ? full.safeParse(value) : folders.safeParse(value);
  if (!result.success) {
    const [{ path: at, message }] = result.error.issues;
    throw new UsageError(
      "ERR_CLASS_MAP",
      `${path}: a class map says for each folder a class of the model, or a list of them; ${at.join(".") || "it"}: ${message}`,
    );
  }
  return wrapped ? (result.data as ClassMap) : { decide: "all", classes: result.data as ClassMap["classes"] };
}
