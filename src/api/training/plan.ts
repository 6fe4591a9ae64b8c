/** Decides what a call of `train` trains: a new run, or a run to resume. Nothing is written. */
import { UsageError } from "../../errors.js";
import { checkTwoViews } from "../../recipes/build/two-views.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { parseSavedRecipe } from "../../recipes/saved.js";
import type { Recipe, ResolvedRecipe } from "../../recipes/schema.js";
import { defaultRunPath, RunDirectory } from "../../runs/run-directory.js";
import type { OpenedWeights } from "../../weights/open.js";
import type { TrainEvent } from "../events.js";
import { checkRecordedData } from "../recorded-data.js";
import type { TrainOptions } from "./options.js";
import { changedRecipe, type ResumeChanges } from "./resume-changes.js";
import { openStartWeights } from "./start-weights.js";

/** The recipe to train, and the folder of the run. */
export interface Plan {
  readonly recipe: ResolvedRecipe;
  /** The run's folder. */
  readonly path: string;
  /** The run to resume. */
  readonly resumed: RunDirectory | undefined;
  readonly changes: ResumeChanges;
  /** The weights that a new run starts from. */
  readonly source?: OpenedWeights;
}

export interface PreparedPlan extends Plan {
  /** Sets the threads and the memory limit of the training. */
  readonly prepare: () => void;
}

export async function newPlan(
  written: Recipe,
  run: string | undefined,
  tell: (event: TrainEvent) => Promise<void>,
): Promise<Plan> {
  checkTwoViews(resolveRecipe(written), "train"); // fails before weights are downloaded
  if (run !== undefined) RunDirectory.checkFree(run);
  const { recipe: complete, source } = await openStartWeights(written, (doneBytes, totalBytes) => {
    void tell({ type: "download", doneBytes, totalBytes });
  });
  const recipe = resolveRecipe(complete);
  const path = run ?? defaultRunPath(recipe.method, recipe.model, new Date());
  // Checked now; the folder is made only when the data and the model have been opened.
  RunDirectory.checkFree(path);
  return { recipe, path, resumed: undefined, changes: {}, source };
}

export function resumePlan(changed: Recipe, { run: path, split }: TrainOptions): Plan {
  if (split !== undefined) {
    throw new UsageError("ERR_RESUME", "train: a resumed run keeps its split of the photos. Leave `split` out");
  }
  if (path === undefined) throw new UsageError("ERR_RESUME", "train: `resume` needs `run`, the folder of the run");
  const resumed = RunDirectory.resume(path);
  resumed.checkParts(); // refused before the recipe is read, which names them
  const saved = parseSavedRecipe(resumed.recipeText(), resumed.recipe);
  const { recipe, changes } = changedRecipe(saved, changed);
  if (changes["data.path"] === undefined) checkRecordedData("train", path, recipe.data.path, "data.path");
  return { path: resumed.path, resumed, recipe, changes };
}
