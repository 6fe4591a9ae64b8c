/** Turns a recipe's text into the values of a run, and back. */

import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, stringify } from "yaml";
import { UsageError } from "../errors.js";
import { withoutIneffective } from "./effect.js";
import { didYouMeanPath, findMistakes, keysOfOwnAttack, knownPaths, type Mistake } from "./mistakes.js";
import { anyRoute } from "./route-names.js";
import { asFraction, isMapping } from "./rules.js";
import { type Recipe, type ResolvedRecipe, recipeSchema } from "./schema.js";

/**
 * Reads a recipe in YAML and checks all of it.
 *
 * @param fileName for the messages, one per line, in the form `file:line:column: mistake`
 * @param adapt    converts files of earlier versions; it is called before the check
 * @returns the recipe as written, without defaults
 * @throws UsageError ERR_RECIPE_SYNTAX the text is not YAML
 * @throws UsageError ERR_RECIPE a key is unknown or a value breaks its rule; the message lists all mistakes
 */
export function parseRecipe(
  text: string,
  fileName: string,
  adapt: (recipe: unknown) => unknown = (recipe) => recipe,
): Recipe {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${fileName}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const messages = document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`);
    throw new UsageError("ERR_RECIPE_SYNTAX", messages.join("\n"));
  }
  const recipe = adapt(contentsOf(document, `${fileName}: `));
  const found = findMistakes(recipe).map((mistake) => ({ offset: offsetOf(document, mistake), mistake }));
  found.sort((a, b) => a.offset - b.offset);
  throwMistakes(found.map(({ offset, mistake }) => `${at(offset)}: ${mistake.message}`));
  return recipe as Recipe;
}

/** A new value for one key of a recipe. The path is for example `optimizer.lr`. */
export interface RecipeChange {
  readonly path: string;
  readonly value: unknown;
  /** The name of this change in messages; by default the path and the value in backticks. */
  readonly source?: string;
}

/**
 * A copy of a recipe with some values changed. Values of the recipe that no longer fit the changes are dropped:
 *
 * - After a change of the method, the keys that have no effect with the new method.
 * - After a change of the attack or the schedule, the keys that the new one does not have.
 * - After a change of the attack's norm, its distances, because the same numbers mean something else in another norm. Those that are changed
 *   too are kept.
 * - After a change of the optimizer, all its values, because the same numbers mean something else for another optimizer.
 * - After a change of the batch size, `training.minUpdatesPerEpoch`, which would change the size again. It is kept if it is changed too.
 *
 * @throws UsageError ERR_SETTING a path is unknown or a value breaks its rule; the message lists all mistakes
 */
export function changeRecipe(recipe: Recipe, changes: readonly RecipeChange[]): Recipe {
  const known = knownPaths();
  // The paths are checked before anything is assigned, so that no path can reach a prototype.
  const isKnown = ({ path }: RecipeChange) => known.includes(anyRoute(path));
  const applied = changes.filter(isKnown);
  const chosenAt = (path: string) => applied.findLast((one) => one.path === path)?.value;
  const attackName = chosenAt("attack.name") ?? (recipe.attack as { readonly name?: unknown } | undefined)?.name;
  const problems = changes
    .filter((change) => !isKnown(change))
    .map((change) => {
      const hint = keysOfOwnAttack(change.path, attackName) ?? didYouMeanPath(change.path, known);
      return `${sourceOf(change)}: unknown path ${change.path}.${hint}`;
    });
  const changed: Record<string, unknown> = withoutIneffective(recipe, chosenAt("method"));
  for (const section of ["attack", "optimizer", "schedule"] as const) {
    const chosen = chosenAt(`${section}.name`);
    if (typeof chosen === "string") changed[section] = withOtherName(section, changed[section], chosen);
  }
  if (isMapping(changed.attack)) changed.attack = withOtherNorm(changed.attack, chosenAt("attack.norm"));
  for (const { path, value } of applied) assign(changed, path.split("."), value);
  const isSet = (path: string) => applied.some((one) => one.path === path);
  if (isSet("training.batchSize") && isMapping(changed.training) && !isSet("training.minUpdatesPerEpoch")) {
    delete changed.training.minUpdatesPerEpoch;
  }
  for (const mistake of findMistakes(changed)) {
    const change = applied.findLast(({ path }) =>
      path.split(".").every((key, i) => mistake.path[i] === key || i >= mistake.path.length),
    );
    problems.push(`${change === undefined ? "recipe" : sourceOf(change)}: ${mistake.message}`);
  }
  if (problems.length > 0) throw new UsageError("ERR_SETTING", problems.join("\n"));
  return changed as Recipe;
}

/** The name of a change in messages. */
export const sourceOf = ({ path, value, source }: RecipeChange): string =>
  source ?? `\`${path}: ${typeof value === "string" ? value : JSON.stringify(value)}\``;

/**
 * Fills in every default and turns fractions and sizes into numbers.
 *
 * @throws UsageError ERR_RECIPE a key is unknown or a value breaks its rule; the message lists all mistakes
 */
export function resolveRecipe(recipe: Recipe): ResolvedRecipe {
  throwMistakes(findMistakes(recipe).map(({ message }) => `recipe: ${message}`));
  return recipeSchema().parse(recipe);
}

/** A resolved recipe as YAML that resolves to the same values. Distances that are multiples of 1/255 are written as fractions. */
export function stringifyRecipe(recipe: ResolvedRecipe): string {
  const attack = Object.entries(recipe.attack ?? {}).map(([key, value]) =>
    key === "epsilon" || key === "stepSize" ? [key, asFraction(value as number)] : [key, value],
  );
  const { attack: _, ...others } = recipe;
  return stringify(recipe.attack ? { ...recipe, attack: Object.fromEntries(attack) } : others, { lineWidth: 0 });
}

function throwMistakes(messages: readonly string[]): void {
  if (messages.length > 0) throw new UsageError("ERR_RECIPE", messages.join("\n"));
}

/** The value of a document; an empty document is an empty mapping. After parsing, only an alias can fail. */
function contentsOf(document: Document, where: string): unknown {
  try {
    return document.toJS() ?? {};
  } catch (cause) {
    throw new UsageError("ERR_RECIPE_SYNTAX", `${where}${(cause as Error).message}`, { cause });
  }
}

/** Sections with several kinds, chosen by their key `name`; here with the default name. */
const NAMED_SECTIONS = { attack: "pgd", optimizer: "sgd", schedule: "cosine" } as const;

/** A written section after another kind of it was chosen. */
function withOtherName(section: keyof typeof NAMED_SECTIONS, written: unknown, name: string): unknown {
  if (!isMapping(written) || (written.name ?? NAMED_SECTIONS[section]) === name) return written;
  const known = new Set(knownPaths({ [section]: { name } }));
  const kept = section === "optimizer" ? [] : Object.entries(written).filter(([key]) => known.has(`${section}.${key}`));
  return Object.fromEntries(kept.filter(([key]) => key !== "name"));
}

/** A written attack after a norm was chosen. */
function withOtherNorm(written: Record<string, unknown>, norm: unknown): Record<string, unknown> {
  if (norm === undefined || (written.norm ?? "linf") === norm) return written;
  const { epsilon: _, stepSize: __, ...others } = written;
  return others;
}

/** Sets a value by its path, and adds the sections that are missing. */
function assign(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const inner = target[key];
  const section: Record<string, unknown> = isMapping(inner) ? inner : {};
  target[key] = section;
  assign(section, rest, value);
}

/** The offset of a mistake in the text: that of its key or value, else of the innermost mapping around it. */
function offsetOf(document: Document, { path, atKey }: Mistake): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  path.forEach((key, depth) => {
    if (!isMap(node)) return;
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
    if (pair === undefined) return;
    const target = atKey && depth === path.length - 1 ? pair.key : (pair.value ?? pair.key);
    if (isNode(target)) offset = target.range?.[0] ?? offset;
    node = pair.value;
  });
  return offset;
}
