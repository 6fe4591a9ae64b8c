/** How the photos of a run are cropped for validation: by its recorded rule, that of its starting weights, or the default of its version. */
import type { OpenedData } from "../../data/opened-data.js";
import { defaultView, type EvaluationView, unrecordedView } from "../../evaluation/view.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import type { OpenedWeights } from "../../weights/open.js";

/** The crop rule of a run of an earlier version that did not record it; undefined if it equals the current default. */
export const viewBeforeRecording = ({ data: { imageSize } }: ResolvedRecipe): EvaluationView | undefined =>
  imageSize === null ? undefined : unrecordedView(imageSize);

/** The crop rule of weights, if they record one. */
export const viewOf = (source: OpenedWeights | undefined): EvaluationView | undefined =>
  source?.viewRecorded ? source.specification.view : undefined;

/** A note if a resumed run keeps a rule that a new run would not have. */
export function describeView(view: EvaluationView | undefined, { imageSize }: OpenedData): string[] {
  const now = defaultView(imageSize).cropFraction;
  if (view === undefined || view.cropFraction === now) return [];
  return [
    `Note: the run records no crop rule. Its validation keeps the earlier default, the middle ${view.cropFraction.toFixed(3)} of the short ` +
      `side. A new run at ${imageSize} pixels uses ${now}.`,
  ];
}
