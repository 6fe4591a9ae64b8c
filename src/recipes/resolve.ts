/** From a recipe's text to the values of a run, and back. */

import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, stringify } from "yaml";
import { UsageError } from "../errors.js";
import { withoutIneffective } from "./effect.js";
import { didYouMeanPath, findMistakes, keysOfOwnAttack, knownPaths, type Mistake } from "./mistakes.js";
import { anyRoute } from "./route-names.js";
import { asFraction, isMapping } from "./rules.js";
import { type Recipe, type ResolvedRecipe, recipeSchema } from "./schema.js";

/**
 * Reads a recipe in YAML and checks it whole.
 *
 * @param fileName for messages, which read `file:line:column: mistake`, one a line
 * @param adapt    changes what was read before it is checked, for files of earlier versions
 * @returns the recipe as written, without defaults
 * @throws UsageError ERR_RECIPE_SYNTAX where the text is not YAML
 * @throws UsageError ERR_RECIPE where a key is unknown or a value breaks its rule; all of them are listed
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

/** One value of a recipe that is set, by its path: `optimizer.lr`. */
export interface RecipeChange {
  readonly path: string;
  readonly value: unknown;
  /** What messages call it; by default the path and the value in backticks. */
  readonly source?: string;
}

/**
 * A copy of a recipe with other values. Where they choose another method, what the recipe itself says of an attack goes as
 * far as that method makes none. Where they choose another attack, schedule or optimizer, what the recipe says of the former
 * goes as far as the new one has no such key; of an optimizer all of it goes, because its numbers mean something else. A batch
 * size that is set stands: the recipe's `training.minUpdatesPerEpoch` then does not change it.
 *
 * @throws UsageError ERR_SETTING where a path is unknown or a value breaks its rule; all of them are listed
 */
export function changeRecipe(recipe: Recipe, changes: readonly RecipeChange[]): Recipe {
  const known = knownPaths();
  // Checked before anything is assigned, so that no path reaches a prototype.
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

const sourceOf = ({ path, value, source }: RecipeChange): string =>
  source ?? `\`${path}: ${typeof value === "string" ? value : JSON.stringify(value)}\``;

/**
 * Fills in every default and turns fractions and sizes into numbers.
 *
 * @throws UsageError ERR_RECIPE where a key is unknown or a value breaks its rule; all of them are listed
 */
export function resolveRecipe(recipe: Recipe): ResolvedRecipe {
  throwMistakes(findMistakes(recipe).map(({ message }) => `recipe: ${message}`));
  return recipeSchema().parse(recipe);
}

/** A resolved recipe as YAML that resolves to the same values. Distances that are whole 255ths are written as such. */
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

/** The value of a document; an empty one is an empty mapping. Only an alias can fail once the text is parsed. */
function contentsOf(document: Document, where: string): unknown {
  try {
    return document.toJS() ?? {};
  } catch (cause) {
    throw new UsageError("ERR_RECIPE_SYNTAX", `${where}${(cause as Error).message}`, { cause });
  }
}

/** Sections of which there are several kinds, told apart by their key `name`: what is meant where none is written. */
const NAMED_SECTIONS = { attack: "pgd", optimizer: "sgd", schedule: "cosine" } as const;

/** What is left of a section as written where another kind of it is chosen. */
function withOtherName(section: keyof typeof NAMED_SECTIONS, written: unknown, name: string): unknown {
  if (!isMapping(written) || (written.name ?? NAMED_SECTIONS[section]) === name) return written;
  const known = new Set(knownPaths({ [section]: { name } }));
  const kept = section === "optimizer" ? [] : Object.entries(written).filter(([key]) => known.has(`${section}.${key}`));
  return Object.fromEntries(kept.filter(([key]) => key !== "name"));
}

/** Sets a value by its path, making the sections on the way. */
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

/** Where a mistake lies in the text: its key or value, or the innermost mapping around it that is there. */
function offsetOf(document: Document, { path, atKey }: Mistake): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  path.forEach((key, depth) => {
    if (!isMap(node)) return;
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
    if (pair === undefined) return;
    const place = atKey && depth === path.length - 1 ? pair.key : (pair.value ?? pair.key);
    if (isNode(place)) offset = place.range?.[0] ?? offset;
    node = pair.value;
  });
  return offset;
}
