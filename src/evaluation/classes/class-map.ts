/** Files that map the folders of a set to classes of a model. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { UsageError } from "../../errors.js";

/** The mapping from the folders of a set to classes of a model. */
export interface ClassMap {
  /**
   * How an image is classified. `all`: as any class of the model, where the probabilities of a folder's classes are added.
   * `mapped`: only as one of the folders, where the probabilities of a folder's classes are averaged.
   */
  readonly decide: "all" | "mapped";
  /** For each folder, the names of its classes of the model. */
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
 * Reads a class map in JSON or YAML. It is a mapping from folders to a class name or a list of names; or
 * `{ decide: all | mapped, classes: <that mapping> }`, where decide is `all` by default.
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
  // The key "classes" can also be a folder. Then its value is a name or a list, never a mapping.
  const wrapped = z.object({ classes: z.record(z.string(), z.unknown()) }).safeParse(value).success;
  const result = wrapped ? full.safeParse(value) : folders.safeParse(value);
  if (!result.success) {
    const [{ path: at, message }] = result.error.issues;
    throw new UsageError(
      "ERR_CLASS_MAP",
      `${path}: a class map must give a class of the model, or a list of classes, for each folder; ${at.join(".") || "it"}: ${message}`,
    );
  }
  return wrapped ? (result.data as ClassMap) : { decide: "all", classes: result.data as ClassMap["classes"] };
}
