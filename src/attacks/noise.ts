/** Random noise of an attack's size: the control that tells what the adversary does from what any perturbation does. */
import { drawFor } from "../nn/keys.js";
import { Purpose } from "../random.js";
import { scope } from "../tensor/index.js";
import { keyedUniform, sign, sub } from "../tensor/operators.js";
import type { Attack } from "./attack.js";
import type { ThreatModel } from "./threat-model.js";

/** A random point of the ball, the start of PGD. The network is never asked. */
export function noise(threatModel: ThreatModel): Attack {
  return { perturb: (_logits, images, _labels, keys) => scope(() => threatModel.start(images, keys)) };
}

/**
 * Random-sign noise: PGD's start, then one step of epsilon along random signs in place of the gradient's, and the projection. It is
 * as large as PGD-1 with steps of epsilon, of which a pixel's change has the root mean square sqrt(2/3) epsilon; the start alone
 * has sqrt(1/3) epsilon. The network is never asked.
 */
export function signNoise(threatModel: ThreatModel): Attack {
  return {
    perturb: (_logits, images, _labels, keys) =>
      scope(() => {
        const shape = images.shape.slice(1);
        const draws = drawFor(keys, { purpose: Purpose.noiseSign }, (samples, key) =>
          keyedUniform(samples, shape, key, images.dtype),
        );
        // A draw is a multiple of 2^-24 below 1: less half a multiple it is as often positive as negative, and never 0.
        const signs = sign(sub(draws, 0.5 - 2 ** -25));
        return threatModel.advance(threatModel.start(images, keys), signs, threatModel.epsilon, images);
      }),
  };
}
