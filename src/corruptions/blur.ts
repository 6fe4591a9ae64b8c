/** Blurs but motion blur. Pixels are in [0, 1] in the formulas. */

import type { Corruption } from "./corruption.js";
import { defocusKernel } from "./operations/defocus-kernel.js";
import { filterImage } from "./operations/kernel.js";
import { gaussianBlur as blurred, filterSeparable } from "./operations/taps.js";
import { toUnit, truncateUnit } from "./operations/unit.js";
import { zoomTaps } from "./operations/zoom.js";

/** Gaussian blur; the border pixel goes on beyond the border, the kernel ends at 4 sigma. */
export const gaussianBlur: Corruption<"gaussian_blur"> = ({ pixels, height, width }, [sigma]) =>
  truncateUnit(blurred(toUnit(pixels), height, width, 3, sigma));

/** A disk, smoothed; the image is mirrored about its border pixels. */
export const defocusBlur: Corruption<"defocus_blur"> = (image, [radius, aliasSigma]) =>
  truncateUnit(filterImage(image, defocusKernel(radius, aliasSigma)));

/**
 * Gaussian blur; then, from the far end on, each pixel takes the value of a neighbour up to `offset` away, several times
 * over; then the Gaussian blur again. The published code means to swap the two pixels but copies one, since its second
 * assignment reads what the first has just written; so does this.
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
 * The mean of the image and of its zooms by factors from 1 to below `end`: the image itself counts twice. In float32, as
 * published.
 */
export const zoomBlur: Corruption<"zoom_blur"> = ({ pixels, height, width }, [end, step]) => {
  const image = Float32Array.from(pixels, (value) => value / 255);
  const sum = new Float32Array(image.length);
  // NumPy's arange: this many factors, whose spacing is that of the first two.
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
