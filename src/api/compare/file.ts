/** Reads a comparison from a YAML file. */
import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { didYouMean, UsageError } from "../../errors.js";
import { isMapping } from "../../recipes/rules.js";
import type { Recipe } from "../../recipes/schema.js";
import type { Comparison } from "./plan.js";

/** The contents of the file. */
export interface ComparisonFile extends Comparison {
  /** The name or file of a recipe; `common` changes its values. */
  readonly recipe: string | undefined;
}

const KEYS = ["recipe", "common", "arms"];

/**
 * Reads `recipe`, `common` and `arms`. The recipes of the arms are checked by `compare`.
 *
 * @throws UsageError ERR_COMPARE the file cannot be read, is not YAML, or has another form
 */
export function readComparison(path: string): ComparisonFile {
  const fail = (what: string) => new UsageError("ERR_COMPARE", `compare: ${path} ${what}`);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw fail(`cannot be read: ${(error as Error).message}. Check the path`);
  }
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) throw fail(`must be YAML: ${document.errors[0].message}`);
  const file: unknown = document.toJS();
  if (!isMapping(file))
    throw fail(
      "must be a mapping with the key `arms:`, whose values are partial recipes, as in arms: {vanilla: {method: vanilla}}",
    );
  const unknown = Object.keys(file).find((key) => !KEYS.includes(key));
  if (unknown !== undefined)
    throw fail(`has the unknown key ${unknown}.${didYouMean(unknown, KEYS)} Known keys: ${KEYS.join(", ")}`);
  const { recipe, common = {}, arms } = file;
  if (recipe !== undefined && typeof recipe !== "string") throw fail("must name a recipe as text in recipe:");
  if (!isMapping(common)) throw fail("must have a mapping in common:");
  if (!isMapping(arms)) throw fail("must have a mapping of arms in arms:");
  const other = Object.entries(arms).find(([, arm]) => arm !== null && !isMapping(arm));
  if (other !== undefined) throw fail(`must have a mapping with a partial recipe for each arm; ${other[0]} has none`);
  const written = Object.fromEntries(Object.entries(arms).map(([name, arm]) => [name, (arm ?? {}) as Recipe]));
  return { recipe, common: common as Recipe, arms: written };
}
