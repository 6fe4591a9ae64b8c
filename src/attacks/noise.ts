/** Random noise of an attack's size: the control that separates the effect of the attack from that of any perturbation. */
import { drawFor } from "../nn/keys.js";
import { Purpose } from "../random.js";
import { scope } from "../tensor/index.js";
import { keyedUniform, sign, sub } from "../tensor/operators.js";
import type { Attack } from "./attack.js";
import type { ThreatModel } from "./threat-model.js";

/** A random point of the ball, as at the start of PGD. It does not use the network. */
export function noise(threatModel: ThreatModel): Attack {
  return { perturb: (_logits, images, _labels, keys) => scope(() => threatModel.start(images, keys)) };
}

/**
 * Random-sign noise: PGD's start, then one step of epsilon along random signs instead of the gradient's signs, and the projection. It is
 * as large as PGD-1 with a step of epsilon: the root mean square of a pixel's change is sqrt(2/3) epsilon, and sqrt(1/3) epsilon for
 * the start alone. It does not use the network.
 */
export function signNoise(threatModel: ThreatModel): Attack {
  return {
    perturb: (_logits, images, _labels, keys) =>
      scope(() => {
        const shape = images.shape.slice(1);
        const draws = drawFor(keys, { purpose: Purpose.noiseSign }, (samples, key) =>
          keyedUniform(samples, shape, key, images.dtype),
        );
        // A draw is a multiple of 2^-24 in [0, 1). Shifted by an odd multiple of 2^-25, it is positive and negative
        // equally often and never 0.
        const signs = sign(sub(draws, 0.5 - 2 ** -25));
        return threatModel.advance(threatModel.start(images, keys), signs, threatModel.epsilon, images);
      }),
  };
}
