/** Contrast, saturation, pixelation and JPEG. Pixels are in [0, 1] in the formulas. */

import { type RawImage, resizeRegion } from "../images/resize.js";
import type { Corruption } from "./corruption.js";
import { changeSaturationAndValue } from "./operations/hsv.js";
import { jpegRoundTrip } from "./operations/jpeg-loss.js";
import { toUnit, truncateUnit } from "./operations/unit.js";

/** (x - m) c + m, where m is the mean of the channel. */
export const contrast: Corruption<"contrast"> = ({ pixels }, [factor]) => {
  const values = toUnit(pixels);
  for (let channel = 0; channel < 3; channel++) {
    let sum = 0;
    for (let i = channel; i < values.length; i += 3) sum += values[i];
    const mean = sum / (values.length / 3);
    for (let i = channel; i < values.length; i += 3) values[i] = (values[i] - mean) * factor + mean;
  }
  return truncateUnit(values);
};

/** Multiplies the saturation of HSV by `factor` and adds `added`. */
export const saturate: Corruption<"saturate"> = ({ pixels }, [factor, added]) => {
  const values = toUnit(pixels);
  changeSaturationAndValue(values, (saturation, value) => [saturation * factor + added, value]);
  return truncateUnit(values);
};

/** Shrinks to floor(side * scale) and enlarges again, both by the box filter. */
export const pixelate: Corruption<"pixelate"> = (image, [scale]) => {
  const height = Math.max(1, Math.trunc(image.height * scale));
  const width = Math.max(1, Math.trunc(image.width * scale));
  return boxResized(boxResized(image, height, width), image.height, image.width).pixels;
};

function boxResized(image: RawImage, height: number, width: number): RawImage {
  const pixels = new Uint8Array(height * width * 3);
  resizeRegion(image, { left: 0, top: 0, width: image.width, height: image.height }, { height, width }, "box", pixels);
  return { pixels, height, width };
}

/** Encodes the image as a JPEG of this quality and decodes it again. */
export const jpegCompression: Corruption<"jpeg_compression"> = ({ pixels, height, width }, [quality]) =>
  jpegRoundTrip(pixels, height, width, quality);
