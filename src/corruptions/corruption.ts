import type { RawImage } from "../images/resize.js";
import type { Draws } from "./draws.js";
import type { CorruptionName, Parameters } from "./severity-tables.js";

/** A corruption: the image and its parameters to new pixels (H, W, 3); `draws` is its only source of randomness. */
export type Corruption<K extends CorruptionName> = (
  image: RawImage,
  parameters: Parameters[K],
  draws: Draws,
) => Uint8Array;
