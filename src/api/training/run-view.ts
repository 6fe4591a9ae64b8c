/** How the photos of a run are cut for validation: by its own rule, that of its weights, or that of its time. */
import type { OpenedData } from "../../data/opened-data.js";
import { defaultView, type EvaluationView, unrecordedView } from "../../evaluation/view.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import type { OpenedWeights } from "../../weights/open.js";

/** How a run that records no crop rule was validated so far; undefined where that is the rule of any run. */
export const viewBeforeRecording = ({ data: { imageSize } }: ResolvedRecipe): EvaluationView | undefined =>
  imageSize === null ? undefined : unrecordedView(imageSize);

/** The rule that comes with weights, where they say one. */
export const viewOf = (source: OpenedWeights | undefined): EvaluationView | undefined =>
  source?.viewRecorded ? source.specification.view : undefined;

/** Says where a resumed run keeps a rule that a new one would not have. */
export function describeView(view: EvaluationView | undefined, { imageSize }: OpenedData): string[] {
  const now = defaultView(imageSize).cropFraction;
  if (view === undefined || view.cropFraction === now) return [];
  return [
    `Note: the run records no crop rule; it keeps the one it began with, the middle ${view.cropFraction.toFixed(3)} of the short side ` +
      `for validation. A new run at ${imageSize} pixels takes ${now}.`,
  ];
}
