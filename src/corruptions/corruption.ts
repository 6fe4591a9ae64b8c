import type { RgbImage } from "../images/rgb-image.js";
import type { Draws } from "./draws.js";
import type { CorruptionName, Parameters } from "./severity-tables.js";

/** A corruption: the image and its parameters to new pixels (H, W, 3); `draws` is its only source of randomness. */
export type Corruption<K extends CorruptionName> = (
  image: RgbImage,
  parameters: Parameters[K],
  draws: Draws,
) => Uint8Array;
