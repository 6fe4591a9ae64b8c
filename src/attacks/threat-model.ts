/** Threat models: how far an attack may go, as three verbs: start, step, project. */
import { UsageError } from "../errors.js";
import type { SampleKeys } from "../nn/keys.js";
import { Purpose } from "../random.js";
import type { Tensor } from "../tensor/index.js";
import { add, add_, clamp_, keyedUniform, maximum, minimum, mul, mul_, sign, sub } from "../tensor/operators.js";

export interface ThreatModel {
  /** Radius of the ball, in pixels of [0, 1]. */
  readonly epsilon: number;
  /** A random point of the ball around the images, within [0, 1]. */
  start(images: Tensor, keys: SampleKeys): Tensor;
  /** The step of a given size along which the loss rises fastest (or, with a negative size, falls). */
  step(x: Tensor, gradient: Tensor, size: number): Tensor;
  /** The nearest point of the ball around the images, then of [0, 1]. */
  project(x: Tensor, images: Tensor): Tensor;
}

/**
 * Checks a radius or step in pixel units.
 *
 * @throws ERR_EPSILON it is outside (0, 1]
 */
export function checkPixelUnits(value: number, what: string): void {
  if (value > 0 && value <= 1) return;
  const hint = value > 1 && value <= 255 ? ` Did you mean ${value}/255?` : "";
  throw new UsageError("ERR_EPSILON", `${what} must be in (0, 1] because pixels are in [0, 1]; got ${value}.${hint}`);
}

/**
 * The L-infinity ball: each pixel may change by at most epsilon.
 *
 * start:   clip01(x + (2 u - 1) epsilon), u uniform in [0, 1), one draw a pixel
 * step:    x + size * sign(gradient), sign(0) = 0
 * project: clip01(min(max(x, images - epsilon), images + epsilon))
 *
 * Source: Madry et al. 2018, section 2.1, https://arxiv.org/abs/1706.06083
 *
 * @throws ERR_EPSILON epsilon is outside (0, 1]
 */
export function linf(epsilon: number): ThreatModel {
  checkPixelUnits(epsilon, "linf: epsilon");
  return {
    epsilon,
    start(images, { seed, epoch, samples }) {
      const shape = images.shape.slice(1);
      const noise = keyedUniform(samples, shape, { seed, epoch, purpose: Purpose.attackStart }, images.dtype);
      return clamp_(add_(mul_(add_(mul_(noise, 2), -1), epsilon), images), 0, 1);
    },
    step: (x, gradient, size) => add(x, mul(sign(gradient), size)),
    project: (x, images) => clamp_(minimum(maximum(x, sub(images, epsilon)), add(images, epsilon)), 0, 1),
  };
}
