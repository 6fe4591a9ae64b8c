/** Checks whether a share of the training images can be split off for validation. */
import type { OpenedData } from "../../data/opened-data.js";
import { UsageError } from "../../errors.js";
import { SHAPES } from "../../recipes/build/data.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";

/** @throws ERR_VALIDATION_FRACTION a share is given for a data set that has its own validation images */
export function checkValidationFraction(
  { data: { path, shapes, validationFraction } }: ResolvedRecipe,
  data: OpenedData,
): void {
  if (validationFraction === null) return;
  const refused = (why: string, instead: string) =>
    new UsageError(
      "ERR_VALIDATION_FRACTION",
      `train: \`data.validationFraction: ${validationFraction}\` has no effect: ${why}. Leave it out, or ${instead}`,
    );
  if (path === SHAPES && shapes.validationImages > 0) {
    const why = `shapes has its own ${shapes.validationImages} validation images`;
    throw refused(why, "add `data.shapes.validationImages: 0`");
  }
  if (data.validation?.fileOf !== undefined && data.split === undefined) {
    throw refused(
      `${path} has a folder of ${data.validation.length} validation images, which choose the best checkpoint`,
      "move them to the training images",
    );
  }
}
