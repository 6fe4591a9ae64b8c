/** The crop rule of a classifier: how photos become its square input images. */
import { defaultCropFraction } from "../images/crop.js";
import type { Interpolation } from "../images/resize.js";

/** The crop rule of a classifier. Images in memory that have the right size (CIFAR) are used unchanged. */
export interface EvaluationView {
  /** Side of the centre crop as a share of the resized short side, in (0, 1]. */
  readonly cropFraction: number;
  readonly interpolation: Interpolation;
}

/** The rule of a new classifier: the crop fraction of {@link defaultCropFraction}, bicubic. */
export const defaultView = (imageSize: number): EvaluationView => ({
  cropFraction: defaultCropFraction(imageSize),
  interpolation: "bicubic",
});

/** The rule for whole images, such as CIFAR's: a photo is resized, and its largest centre square is used. */
export const WHOLE_VIEW: EvaluationView = { cropFraction: 1, interpolation: "bicubic" };

/**
 * The rule of a classifier whose file records none: size / (size + 32) at every size. This was the default before the rule was
 * recorded, so that the results of such files do not change.
 */
export const unrecordedView = (imageSize: number): EvaluationView => ({
  ...defaultView(imageSize),
  cropFraction: imageSize / (imageSize + 32),
});
