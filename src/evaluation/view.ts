/** How photos become the square images that a classifier takes: its crop rule. */
import type { Interpolation } from "../images/resize.js";

/** The crop rule of a classifier. Images that lie in memory at the right size (CIFAR) are taken as they are. */
export interface EvaluationView {
  /** Side of the square that is cut, as a share of the resized short side, in (0, 1]. */
  readonly cropFraction: number;
  readonly interpolation: Interpolation;
}

/** The rule of our own models: the short side to size + 32 pixels, 256 for 224, and the middle cut out. */
export const defaultView = (imageSize: number): EvaluationView => ({
  cropFraction: imageSize / (imageSize + 32),
  interpolation: "bicubic",
});
