/** The images of an evaluation. */
import { readdirSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { EvaluationImages } from "../data/open-data.js";
import { UsageError } from "../errors.js";
import { knownSet } from "../evaluation/class-rule.js";
import type { EvaluationView } from "../evaluation/view.js";
import { openRecipeData } from "../recipes/data.js";
import { resolveRecipe } from "../recipes/resolve.js";
import { parseSavedRecipe } from "../recipes/saved.js";
import type { ResolvedRecipe } from "../recipes/schema.js";
import { RunDirectory, savedSplit } from "../runs/run-directory.js";

/** Which images: `all` are those of a folder of photos without parts. */
export type EvaluationSplit = "validation" | "test" | "all";

export interface EvaluationDataOptions {
  /** By default what the run was trained on. */
  readonly data: string | undefined;
  readonly run: string | undefined;
  /** By default test, and all of a folder without parts that the run was not trained on. */
  readonly split: EvaluationSplit | undefined;
  readonly imageSize: number;
  /** The model's crop rule. */
  readonly view: EvaluationView;
  /** The share that is cut instead of the rule's. */
  readonly cropFraction: number | undefined;
  readonly workers: number | null;
  readonly limitTest: number | undefined;
}

export interface EvaluationData {
  readonly name: string;
  readonly classes: readonly string[];
  readonly split: EvaluationSplit;
  readonly images: EvaluationImages;
  /** How photos are cut; undefined for images in memory, which are taken as they are. */
  readonly view: EvaluationView | undefined;
  close(): Promise<void>;
}

/**
 * Opens the images to evaluate on: those given, else those of the run, divided as it was.
 *
 * @throws ERR_SPLIT there is no such part, and what `openRecipeData` throws
 */
export async function openEvaluationData(options: EvaluationDataOptions): Promise<EvaluationData> {
  const { data, run, imageSize, workers, limitTest = null } = options;
  const trained = trainedRecipe(run);
  const path = data ?? trained.data.path;
  const recipe = { ...trained, data: { ...trained.data, path, imageSize, workers, limitTest } };
  // A split of the run's own photos holds for these alone; other photos without parts are evaluated as a whole.
  const own = run !== undefined && path !== null && resolve(path) === resolve(trained.data.path ?? "");
  const split = options.split === "all" || (options.split === undefined && !own) ? "all" : (options.split ?? "test");
  const part = split === "all" ? "test" : split;
  const view = viewOn(path, options.view, options.cropFraction);
  const opened = await openRecipeData(recipe, {
    parts: [part],
    split: own ? savedSplit(run) : undefined,
    view,
    allForTest: split === "all",
  });
  const images = opened[part];
  const refuse = async (reason: string) => {
    await opened.close();
    return new UsageError("ERR_SPLIT", `evaluate: ${opened.name} ${reason}. Choose another with --split`);
  };
  if (options.split === "all" && !opened.undivided)
    throw await refuse("has parts of its own, or is no folder of photos");
  if (images === undefined) throw await refuse(`has no part ${part}`);
  return {
    name: opened.name,
    classes: opened.classes,
    split: opened.undivided ? "all" : part,
    images,
    view: images.fileOf && view,
    close: () => opened.close(),
  };
}

/**
 * The crop rule on a set: the model's own, unless another share is asked for. The cue conflict images have 224 pixels and
 * are shown whole (https://github.com/bethgelab/model-vs-human, `datasets/base.py`), so nothing is cut off them.
 */
function viewOn(path: string | null, own: EvaluationView, cropFraction: number | undefined): EvaluationView {
  const whole = path !== null && knownSet(foldersIn(path)) === "cue-conflict";
  return { ...own, cropFraction: cropFraction ?? (whole ? 1 : own.cropFraction) };
}

const foldersIn = (path: string): string[] =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    ? readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [] : [entry.name]))
    : [];

/** The recipe of a run, which says what it was trained on; the defaults for a model that is no run. */
export function trainedRecipe(path: string | undefined): ResolvedRecipe {
  if (path === undefined) return resolveRecipe({});
  const run = RunDirectory.open(path);
  return resolveRecipe(parseSavedRecipe(run.recipeText(), run.recipe));
}
