/** Warnings if images were used in the training of the evaluated run. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { RunDirectory } from "../../runs/run-directory.js";
import { type EvaluationSplit, trainedRecipe } from "./data.js";

/** An evaluation: the model and its images. */
export interface Evaluated {
  /** The run's folder, if the model is a run. */
  readonly run: string | undefined;
  /** The weights file. */
  readonly file: string;
  readonly split: EvaluationSplit;
  /** The given data; undefined for those of the run. */
  readonly data: string | undefined;
  /** Number of images that are known to be validation images of the run. */
  readonly validatedOn?: number;
}

/** Whether a run's best checkpoint is evaluated on the validation images that chose it. */
export function chosenByImages({ run, file, split, data, validatedOn = 0 }: Evaluated): boolean {
  if (run === undefined || split !== "validation") return false;
  const best = RunDirectory.open(run).checkpoint("best").weights;
  if (!existsSync(best) || resolve(file) !== resolve(best)) return false;
  return validatedOn > 0 || data === undefined || resolve(data) === resolve(trainedRecipe(run).data.path ?? "");
}

/** The warning in this case. */
export const CHOSEN_BY_IMAGES =
  "These images chose the checkpoint, so its accuracy on them is usually higher than on new images. To avoid this use `checkpoint: last`";

/** Warnings that images are not new to a run. */
export function usedLines(
  count: number,
  split: string,
  { trainedOn = 0, validatedOn = 0 }: { readonly trainedOn?: number; readonly validatedOn?: number },
): string[] {
  if (trainedOn > 0) {
    return [
      `Warning: the run was trained on ${trainedOn} of these ${count} images, so its accuracy on them is usually higher than on new images.`,
    ];
  }
  if (split === "validation" || validatedOn === 0) return [];
  return [
    `Warning: ${validatedOn} of these ${count} images are the run's validation images, which chose its checkpoint.`,
  ];
}
