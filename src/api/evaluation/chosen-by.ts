/** Images that a run knows tell less of it than others: where that is so, and how it is said. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { RunDirectory } from "../../runs/run-directory.js";
import { type EvaluationSplit, trainedRecipe } from "./data.js";

/** What is evaluated, and on what. */
export interface Evaluated {
  /** The run's folder where the model is one. */
  readonly run: string | undefined;
  /** The file of its weights. */
  readonly file: string;
  readonly split: EvaluationSplit;
  /** The data that were given; undefined for the run's own. */
  readonly data: string | undefined;
  /** How many of the images are known to have chosen the checkpoint. */
  readonly validatedOn?: number;
}

/** Whether a run's best checkpoint is evaluated on the validation images that it was chosen by. */
export function chosenByImages({ run, file, split, data, validatedOn = 0 }: Evaluated): boolean {
  if (run === undefined || split !== "validation") return false;
  const best = RunDirectory.open(run).checkpoint("best").weights;
  if (!existsSync(best) || resolve(file) !== resolve(best)) return false;
  return validatedOn > 0 || data === undefined || resolve(data) === resolve(trainedRecipe(run).data.path ?? "");
}

/** What is said of it. */
export const CHOSEN_BY_IMAGES =
  "These images chose the checkpoint, so it does better on them than on others. Without that choice: `checkpoint: last`";

/** Says that images are not new to a run. */
export function usedLines(
  count: number,
  split: string,
  { trainedOn = 0, validatedOn = 0 }: { readonly trainedOn?: number; readonly validatedOn?: number },
): string[] {
  if (trainedOn > 0) {
    return [
      `Warning: the run was trained on ${trainedOn} of these ${count} images, and does better on them than on new ones.`,
    ];
  }
  if (split === "validation" || validatedOn === 0) return [];
  return [
    `Warning: ${validatedOn} of these ${count} images are the run's validation images, by which its checkpoint was chosen.`,
  ];
}
