/** Our classifiers as the subject of white-box attacks. */
import type { EvaluationAttack } from "../attacks/evaluation/auto-attack.js";
import type { Adversary, ImageShape, Subject } from "../evaluation/robustness.js";
import type { Classifier } from "../models/classifier.js";
import { labelsTensor } from "../models/pixels.js";
import { ATTACK, MAIN_ROUTE } from "../nn/context.js";
import { crossEntropy } from "../nn/loss.js";
import { fromArray, gradientOf, scope, type Tensor } from "../tensor/index.js";
import { abs, permute, sum } from "../tensor/operators.js";
import { batchFromPixels } from "../training/methods/step.js";

/** A classifier with one route, and adversaries that attack it through the same route. */
export function whiteBox(
  model: Classifier,
  route: string = MAIN_ROUTE,
): { readonly subject: Subject; adversary(attack: EvaluationAttack, seed: number): Adversary } {
  const forward = (x: Tensor): Tensor => model.forward(x, { ...ATTACK, route });
  /** Turns (N, H, W, 3) into [N, 3, H, W], channels-last. */
  const toImages = (images: Float32Array, { height, width }: ImageShape): Tensor => {
    const shape = [images.length / (height * width * 3), height, width, 3];
    return permute(fromArray(images, shape, undefined, model.device), [0, 3, 1, 2]);
  };
  return {
    subject: {
      logits: (images, shape) => scope(() => forward(toImages(images, shape)).toArray() as Float32Array),
      gradientSizes: (images, shape, labels) =>
        scope(() => {
          const x = toImages(images, shape).requireGradient();
          const loss = crossEntropy(forward(x), labelsTensor(labels, model.device), 0, "sum");
          return sum(abs(gradientOf(loss, x)), [1, 2, 3]).toNumbers();
        }),
    },
    adversary: ({ attack, ...price }, seed) => ({
      ...price,
      perturb: (batch) =>
        scope(() => {
          const { images, labels, keys } = batchFromPixels(batch, { seed, epoch: 0 }, model.device);
          const adversarial = attack.perturb(forward, images, labels, keys);
          return permute(adversarial, [0, 2, 3, 1]).toArray() as Float32Array;
        }),
    }),
  };
}
