/** Noise, independent for every channel value. Pixels are in [0, 1] in the formulas. */

import type { Corruption } from "./corruption.js";
import { PoissonTables } from "./operations/poisson.js";
import { truncateUnit } from "./operations/unit.js";

/** x + n, where n is normal with standard deviation sigma. */
export const gaussianNoise: Corruption<"gaussian_noise"> = ({ pixels }, [sigma], draws) => {
  const values = draws.normals(pixels.length, 0, sigma);
  for (let i = 0; i < values.length; i++) values[i] += pixels[i] / 255;
  return truncateUnit(values);
};

/** x + x n, where n is normal with standard deviation sigma. */
export const speckleNoise: Corruption<"speckle_noise"> = ({ pixels }, [sigma], draws) => {
  const values = draws.normals(pixels.length, 0, sigma);
  for (let i = 0; i < values.length; i++) values[i] = (pixels[i] / 255) * (1 + values[i]);
  return truncateUnit(values);
};

/** Poisson(c x) / c, where c photons stand for full brightness. */
export const shotNoise: Corruption<"shot_noise"> = ({ pixels }, [photons], draws) => {
  let tables = poissonTables.get(photons);
  if (tables === undefined) {
    tables = new PoissonTables(photons / 255);
    poissonTables.set(photons, tables);
  }
  const values = new Float64Array(pixels.length);
  for (let i = 0; i < values.length; i++) values[i] = tables.draw(pixels[i], draws.uniform()) / photons;
  return truncateUnit(values);
};

/** By photons per unit. Each holds up to 256 distributions, made when they are first needed. */
const poissonTables = new Map<number, PoissonTables>();

/** Sets a share of the channel values to 0 or 1 with equal probability. */
export const impulseNoise: Corruption<"impulse_noise"> = ({ pixels }, [share], draws) =>
  pixels.map((value) => {
    const u = draws.uniform();
    if (u >= share) return value;
    return u < share / 2 ? 0 : 255;
  });
