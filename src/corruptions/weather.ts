/** Snow, frost, fog and brightness. Pixels are in [0, 1] in the formulas. */

import type { RawImage } from "../images/resize.js";
import type { Corruption } from "./corruption.js";
import { smear } from "./motion-blur.js";
import { madeTextures, shrunkTexture } from "./operations/frost-texture.js";
import { changeSaturationAndValue } from "./operations/hsv.js";
import { plasma } from "./operations/plasma.js";
import { filterSeparable } from "./operations/taps.js";
import { toUnit, truncateUnit } from "./operations/unit.js";
import { zoomTaps } from "./operations/zoom.js";

/**
 * The snow layer is normal noise, zoomed, set to 0 below the threshold, with motion blur downwards. It is added to the image
 * together with its copy turned by 180 degrees. Before that the image is blended with max(x, 1.5 grey + 0.5).
 */
export const snow: Corruption<"snow"> = (
  { pixels, height, width },
  [mean, deviation, zoom, threshold, radius, sigma, blend],
  draws,
) => {
  const noise = draws.normals(height * width, mean, deviation);
  const flakes = filterSeparable(noise, width, 1, zoomTaps(height, zoom), zoomTaps(width, zoom));
  const layer = smear(
    truncateUnit(flakes.map((value) => (value < threshold ? 0 : value))),
    1,
    { height, width },
    radius,
    sigma,
    draws.uniform(-135, -45),
  );
  const values = new Float64Array(pixels.length);
  for (let i = 0; i < layer.length; i++) {
    const fallen = layer[i] / 255 + layer[layer.length - 1 - i] / 255;
    const at = 3 * i;
    const grey = (0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]) / 255;
    for (let channel = at; channel < at + 3; channel++) {
      const x = pixels[channel] / 255;
      values[channel] = blend * x + (1 - blend) * Math.max(x, grey * 1.5 + 0.5) + fallen;
    }
  }
  return truncateUnit(values);
};

/**
 * a x + b frost, where frost is a random window of a random texture. Without photographs the textures are the five made by
 * program, which repeat at their borders. With photographs the window lies inside of one. A photograph that would become
 * smaller than the image is shrunk less.
 */
export const frostOf =
  (photographs: readonly RawImage[] | undefined): Corruption<"frost"> =>
  ({ pixels, height, width }, [imageWeight, frostWeight, shrink], draws) => {
    const textures = photographs ?? madeTextures();
    const whole = textures[draws.integer(textures.length)];
    const least = photographs === undefined ? 0 : Math.max(height / whole.height, width / whole.width);
    const texture = shrunkTexture(whole, Math.max(shrink, least));
    const places = (size: number, window: number): number =>
      photographs === undefined ? size : Math.max(1, size - window);
    const top = draws.integer(places(texture.height, height));
    const left = draws.integer(places(texture.width, width));
    const values = new Uint8ClampedArray(pixels.length);
    let at = 0;
    for (let y = 0; y < height; y++) {
      const row = ((top + y) % texture.height) * texture.width;
      for (let x = 0; x < width; x++) {
        const from = 3 * (row + ((left + x) % texture.width));
        for (let channel = 0; channel < 3; channel++, at++) {
          values[at] = Math.trunc(imageWeight * pixels[at] + frostWeight * texture.pixels[from + channel]);
        }
      }
    }
    return new Uint8Array(values.buffer);
  };

export const frost = frostOf(undefined);

/**
 * (x + c p) m / (m + c), where p is a plasma map in [0, 1], the same for all channels, and m is the largest value of the
 * image.
 */
export const fog: Corruption<"fog"> = ({ pixels, height, width }, [weight, decay], draws) => {
  // The smallest map that covers the image: 256 for 224 pixels, 32 for 32, 64 for 64.
  const side = 2 ** Math.ceil(Math.log2(Math.max(height, width)));
  const map = plasma(side, decay, draws);
  const values = toUnit(pixels);
  const most = values.reduce((largest, value) => Math.max(largest, value), 0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const added = weight * map[y * side + x];
      const at = 3 * (y * width + x);
      for (let channel = at; channel < at + 3; channel++) {
        values[channel] = ((values[channel] + added) * most) / (most + weight);
      }
    }
  }
  return truncateUnit(values);
};

/** Adds to the value of HSV. */
export const brightness: Corruption<"brightness"> = ({ pixels }, [added]) => {
  const values = toUnit(pixels);
  changeSaturationAndValue(values, (saturation, value) => [saturation, value + added]);
  return truncateUnit(values);
};
