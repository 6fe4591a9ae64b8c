/** All blurs except motion blur. Pixels are in [0, 1] in the formulas. */

import type { Corruption } from "./corruption.js";
import { defocusKernel } from "./operations/defocus-kernel.js";
import { filterImage } from "./operations/kernel.js";
import { gaussianBlur as blurred, filterSeparable } from "./operations/taps.js";
import { toUnit, truncateUnit } from "./operations/unit.js";
import { zoomTaps } from "./operations/zoom.js";

/** Gaussian blur. Beyond the border the border pixel is repeated. The kernel is truncated at 4 sigma. */
export const gaussianBlur: Corruption<"gaussian_blur"> = ({ pixels, height, width }, [sigma]) =>
  truncateUnit(blurred(toUnit(pixels), height, width, 3, sigma));

/** Convolution with a smoothed disk. The image is mirrored about its border pixels. */
export const defocusBlur: Corruption<"defocus_blur"> = (image, [radius, aliasSigma]) =>
  truncateUnit(filterImage(image, defocusKernel(radius, aliasSigma)));

/**
 * Gaussian blur, then `passes` times: every pixel, from the last to the first, is overwritten by a random neighbour up to
 * `offset` pixels away. Then the Gaussian blur again.
 *
 * The published code tries to swap the two pixels, but its second assignment reads what the first has just written. So it
 * copies one pixel, and this function does the same.
 */
export const glassBlur: Corruption<"glass_blur"> = ({ pixels, height, width }, [sigma, offset, passes], draws) => {
  const moved = truncateUnit(blurred(toUnit(pixels), height, width, 3, sigma));
  for (let pass = 0; pass < passes; pass++) {
    for (let y = height - offset; y > offset; y--) {
      for (let x = width - offset; x > offset; x--) {
        const right = draws.integer(2 * offset) - offset;
        const down = draws.integer(2 * offset) - offset;
        const from = 3 * ((y + down) * width + x + right);
        moved.copyWithin(3 * (y * width + x), from, from + 3);
      }
    }
  }
  return truncateUnit(blurred(toUnit(moved), height, width, 3, sigma));
};

/**
 * The mean of the image and its zooms by factors from 1 to below `end`. Factor 1 is among them, so the image itself counts
 * twice. In float32, as published.
 */
export const zoomBlur: Corruption<"zoom_blur"> = ({ pixels, height, width }, [end, step]) => {
  const image = Float32Array.from(pixels, (value) => value / 255);
  const sum = new Float32Array(image.length);
  // The factors of NumPy's arange, which takes the spacing from its first two values.
  const factors = Math.ceil((end - 1) / step);
  const spacing = 1 + step - 1;
  for (let i = 0; i < factors; i++) {
    const factor = 1 + i * spacing;
    const zoomed = filterSeparable(image, width, 3, zoomTaps(height, factor), zoomTaps(width, factor));
    for (let j = 0; j < sum.length; j++) sum[j] += Math.fround(zoomed[j]);
  }
  for (let j = 0; j < sum.length; j++) sum[j] = Math.fround(image[j] + sum[j]) / (factors + 1);
  return truncateUnit(sum);
};
