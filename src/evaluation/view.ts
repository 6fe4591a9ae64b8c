/** How photos become the square images that a classifier takes: its crop rule. */
import { defaultCropFraction } from "../images/crop.js";
import type { Interpolation } from "../images/resize.js";

/** The crop rule of a classifier. Images that lie in memory at the right size (CIFAR) are taken as they are. */
export interface EvaluationView {
  /** Side of the square that is cut, as a share of the resized short side, in (0, 1]. */
  readonly cropFraction: number;
  readonly interpolation: Interpolation;
}

/** The rule of a new classifier: size / (size + 32) of the short side from 224 pixels on, 0.875 below; bicubic. */
export const defaultView = (imageSize: number): EvaluationView => ({
  cropFraction: defaultCropFraction(imageSize),
  interpolation: "bicubic",
});

/** The rule of a classifier of images that are taken whole, such as CIFAR's: a photo is resized, and its middle square is all of it. */
export const WHOLE_VIEW: EvaluationView = { cropFraction: 1, interpolation: "bicubic" };

/**
 * The rule of a classifier whose file records none: size / (size + 32) at every size, which was the default while no rule was
 * recorded. Its numbers stay what they were.
 */
export const unrecordedView = (imageSize: number): EvaluationView => ({
  ...defaultView(imageSize),
  cropFraction: imageSize / (imageSize + 32),
});
