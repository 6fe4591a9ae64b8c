/** The sliders of the page, and what they do to an image. */
import { type CorruptionName, corrupt } from "../../corruptions/index.js";

/** In the order in which they are applied: that of lens, sensor, screen and file. */
export const SLIDERS = [
  { corruption: "gaussian_blur", label: "Blur" },
  { corruption: "contrast", label: "Contrast" },
  { corruption: "gaussian_noise", label: "Noise" },
  { corruption: "pixelate", label: "Pixelate" },
  { corruption: "jpeg_compression", label: "JPEG" },
] as const satisfies readonly { corruption: CorruptionName; label: string }[];

export type SliderName = (typeof SLIDERS)[number]["corruption"];

/** The severity of each corruption, from 0 (none) to 5. */
export type Severities = Readonly<Record<SliderName, number>>;

export const NO_CORRUPTION: Severities = {
  gaussian_blur: 0,
  contrast: 0,
  gaussian_noise: 0,
  pixelate: 0,
  jpeg_compression: 0,
};

/** The noise is always the same, so that two models see the same image, and a slider that is moved back gives the same image again. */
const KEY = { seed: 0, sample: 0 };

/** A corrupted copy. @param pixels (S, S, 3), not changed */
export function corrupted(pixels: Uint8Array, side: number, severities: Severities): Uint8Array {
  return SLIDERS.filter(({ corruption }) => severities[corruption] > 0).reduce(
    (image, { corruption }) => corrupt(image, side, side, corruption, severities[corruption], KEY),
    pixels,
  );
}
