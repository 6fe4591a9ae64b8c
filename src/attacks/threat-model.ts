/** Threat models: the set of allowed perturbations, with the operations start, advance, step without projection, and project. */

import { drawFor, type SampleKeys } from "../nn/keys.js";
import { Purpose } from "../random.js";
import { keyedNormal, type Tensor } from "../tensor/index.js";
import {
  add,
  add_,
  clamp,
  clamp_,
  div,
  keyedUniform,
  l2Step,
  linfStep,
  maximum,
  minimum,
  mul,
  mul_,
  normOver,
  pow,
  sub,
} from "../tensor/operators.js";
import { checkEuclidean, checkPixelUnits } from "./square/distance-rules.js";
import type { Norm } from "./square/square.js";

export type { Norm };

export interface ThreatModel {
  /** Radius of the ball, with pixels in [0, 1]. */
  readonly epsilon: number;
  /** @throws ERR_EPSILON a radius or a step of that size is not valid for this norm */
  checkSize(size: number, what: string): void;
  /** A random point of the ball around the images, within [0, 1]. */
  start(images: Tensor, keys: SampleKeys): Tensor;
  /**
   * One step from x in the direction in which the loss rises fastest (or falls, with a negative size), then {@link project}. NaN in the
   * gradient gives NaN in the pixels.
   *
   * @param size size of the step, one for all images or one for each
   */
  advance(x: Tensor, gradient: Tensor, size: number | readonly number[], images: Tensor): Tensor;
  /** The step of {@link advance} without its projection: the result is clipped to [0, 1], and may leave the ball. */
  stepFreely(x: Tensor, gradient: Tensor, size: number | readonly number[], images: Tensor): Tensor;
  /** Projects x into the ball around the images, then clips it to [0, 1]. */
  project(x: Tensor, images: Tensor): Tensor;
}

/** The ball of a norm. @throws ERR_EPSILON the radius is not valid for the norm */
export function threatModel(norm: Norm, epsilon: number): ThreatModel {
  return norm === "linf" ? linf(epsilon) : l2(epsilon);
}

/**
 * The L-infinity ball: each pixel may change by at most epsilon.
 *
 * start:   clip01(x + (2 u - 1) epsilon), u uniform in [0, 1), one draw per pixel
 * advance: project(x + size * sign(gradient)), sign(0) = 0; stepFreely: clip01 in place of project
 * project: clip01(min(max(x, images - epsilon), images + epsilon))
 *
 * Source: Madry et al. 2018, section 2.1, https://arxiv.org/abs/1706.06083
 *
 * @throws ERR_EPSILON epsilon is outside (0, 1): 1 is the whole range of a pixel
 */
export function linf(epsilon: number): ThreatModel {
  checkPixelUnits(epsilon, "linf: epsilon");
  return {
    epsilon,
    checkSize: checkPixelUnits,
    start(images, keys) {
      const shape = images.shape.slice(1);
      const noise = drawFor(keys, { purpose: Purpose.attackStart }, (samples, key) =>
        keyedUniform(samples, shape, key, images.dtype),
      );
      return clamp_(add_(mul_(add_(mul_(noise, 2), -1), epsilon), images), 0, 1);
    },
    advance: (x, gradient, size, images) => linfStep(x, gradient, images, sizesOf(size), epsilon),
    // Every point of [0, 1] is in the ball of radius 1 around pixels in [0, 1].
    stepFreely: (x, gradient, size, images) => linfStep(x, gradient, images, sizesOf(size), 1),
    project: (x, images) => clamp_(minimum(maximum(x, sub(images, epsilon)), add(images, epsilon)), 0, 1),
  };
}

/**
 * The Euclidean ball: each image may be at most epsilon away from its original.
 *
 * start:   clip01(x + epsilon u^(1/d) z / ||z||), z standard normal in each of the d pixels, u uniform in [0, 1): a
 *          uniform point of the ball's volume
 * advance: project(x + size * gradient / ||gradient||), by image; an image whose gradient is zero stays; stepFreely:
 *          clip01 in place of project
 * project: clip01(images + delta min(1, epsilon / ||delta||)), delta = x - images. Clipping moves towards the images,
 *          so the result is in the ball and in [0, 1], though not always the nearest such point
 *
 * Source: Madry et al. 2018, section 5 (attacks bounded in the L2 norm), https://arxiv.org/abs/1706.06083
 *
 * @throws ERR_EPSILON epsilon is not a positive number
 */
export function l2(epsilon: number): ThreatModel {
  checkEuclidean(epsilon, "l2: epsilon");
  return {
    epsilon,
    checkSize: checkEuclidean,
    start(images, keys) {
      const purpose = Purpose.attackStart;
      const shape = images.shape.slice(1);
      const normal = drawFor(keys, { purpose }, (samples, key) => keyedNormal(samples, shape, key, images.dtype));
      const direction = div(normal, normOver(normal, IMAGE));
      const uniform = drawFor(keys, { purpose, stream: 1 }, (samples, key) =>
        keyedUniform(samples, [1, 1, 1], key, images.dtype),
      );
      const dimension = shape.reduce((product, length) => product * length, 1);
      const radius = mul_(pow(uniform, 1 / dimension), epsilon);
      return clamp_(add_(mul_(direction, radius), images), 0, 1);
    },
    advance: (x, gradient, size, images) => l2Step(x, gradient, images, sizesOf(size), epsilon),
    stepFreely: (x, gradient, size, images) => l2Step(x, gradient, images, sizesOf(size), unreachable(images, size)),
    project(x, images) {
      const delta = sub(x, images);
      const factor = mul(pow(clamp(normOver(delta, IMAGE), epsilon, null), -1), epsilon);
      return clamp_(add_(mul_(delta, factor), images), 0, 1);
    },
  };
}

/** A radius that no step from a point in [0, 1] can exceed: the diagonal of the box plus the step. */
const unreachable = (images: Tensor, size: number | readonly number[]): number =>
  Math.sqrt(images.size / images.shape[0]) + Math.max(...sizesOf(size).map(Math.abs));

const sizesOf = (size: number | readonly number[]): readonly number[] => (typeof size === "number" ? [size] : size);

/** The dimensions of one image in [N, C, H, W]. */
const IMAGE = [1, 2, 3];
