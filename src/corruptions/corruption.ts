import type { RawImage } from "../images/resize.js";
import type { Draws } from "./draws.js";
import type { CorruptionName, Parameters } from "./severity-tables.js";

/** Turns an image and its parameters into corrupted pixels (H, W, 3); `draws` is the only source of randomness. */
export type Corruption<K extends CorruptionName> = (
  image: RawImage,
  parameters: Parameters[K],
  draws: Draws,
) => Uint8Array;
