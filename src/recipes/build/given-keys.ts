/** Keys that a user gives beside a recipe, but that have no effect on the recipe's images. */
import { recogniseFolder } from "../../data/folders/recognise-folder.js";
import { checkMaxBad } from "../../data/photos/bad-photos.js";
import { UsageError } from "../../errors.js";
import { type RecipeChange, resolveRecipe, sourceOf } from "../resolve.js";
import { isMapping } from "../rules.js";
import type { Recipe, ResolvedRecipe } from "../schema.js";
import { SHAPES } from "./data.js";
import { type DataKind, dataKind } from "./data-kind.js";
import { hasValidation, IN_MEMORY } from "./data-parts.js";

/** The kinds of images on which a key has an effect, and why it has none on others. */
interface Scope {
  readonly kinds: readonly DataKind[];
  readonly why: string;
}

const ofPhotos = (why: string): Scope => ({ kinds: ["photos"], why });

/** The keys of `data` that only some kinds of images use. */
const SCOPES: Readonly<Record<string, Scope>> = {
  "data.augmentation.crop": { kinds: ["memory", "shapes"], why: "photos always get random resized crops" },
  "data.limitTest": ofPhotos("a training opens no test images of this kind; `limitTest` limits those of an evaluation"),
  "data.workers": ofPhotos("only photos are read by several threads"),
  "data.cacheMemory": ofPhotos("only decoded photos are kept in it"),
  "data.onBadImage": ofPhotos("only photos can be skipped"),
  "data.maxBad": ofPhotos("only photos can be skipped"),
};
const OF_SHAPES: Scope = { kinds: ["shapes"], why: "only the built-in set shapes uses it" };

const scopeOf = (key: string): Scope | undefined => (key.startsWith("data.shapes.") ? OF_SHAPES : SCOPES[key]);

/**
 * Checks that flags, settings or the keys of an arm have an effect on a recipe's images. The other keys of the recipe are not checked: a
 * recipe file may be for all kinds of images, and that of a run has every key. A null is allowed, because it gives no value.
 *
 * @param recipe  the recipe with the changes
 * @param changes what the user gave
 * @param what    names the caller in messages
 * @throws UsageError ERR_SETTING a key has no effect; the message lists all such keys
 * @throws UsageError ERR_FLAG `data.maxBad` is given, but no photos are skipped
 * @throws what {@link recogniseFolder} throws
 */
export function checkGivenKeys(recipe: Recipe, changes: readonly RecipeChange[], what: string): void {
  const path = recipe.data?.path ?? null;
  if (path === null) return;
  const given = changes.flatMap((change) => keysIn(change.path, change.value).map((key) => ({ key, change })));
  const scoped = given.filter(({ key }) => scopeOf(key) !== undefined);
  const problems: string[] = [];
  if (scoped.length > 0) {
    const kind = dataKind(path, what);
    for (const { key, change } of scoped) {
      const { kinds, why } = scopeOf(key)!;
      if (kinds.includes(kind)) continue;
      problems.push(`${sourceOf(change)}: ${key} has no effect on the images of ${path}: ${why}. Leave it out.`);
    }
  }
  const periodic = given.find(({ key }) => key === "training.evaluateEveryEpochs");
  if (periodic !== undefined && hasNoValidation(resolveRecipe(recipe), path, what)) {
    problems.push(
      `${sourceOf(periodic.change)}: ${periodic.key} has no effect, because there are no validation images. Leave it out, or add ` +
        "`data.validationFraction: 0.1`.",
    );
  }
  if (problems.length > 0) throw new UsageError("ERR_SETTING", problems.join("\n"));
  if (given.some(({ key }) => key === "data.maxBad")) checkMaxBad(recipe.data?.onBadImage ?? "fail");
}

/** The paths of the values at and below a path, without those that are null. */
const keysIn = (path: string, value: unknown): string[] =>
  isMapping(value)
    ? Object.entries(value).flatMap(([key, inner]) => keysIn(`${path}.${key}`, inner))
    : value === null
      ? []
      : [path];

/** Whether it is certain, before the images are opened, that a training has no validation images. */
function hasNoValidation(recipe: ResolvedRecipe, path: string, what: string): boolean {
  const recognised = path === SHAPES ? undefined : recogniseFolder(path, what);
  if (recognised === undefined || recognised.kind === "memory") return !hasValidation(recipe, IN_MEMORY);
  // Shards have no folders. Their parts are known when they are opened.
  if (recognised.kind !== "photos" || recognised.folders.length === 0) return false;
  return !hasValidation(recipe, { photos: true, parts: [...recognised.parts.keys()] });
}
