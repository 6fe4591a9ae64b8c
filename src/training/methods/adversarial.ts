/** Adversarial training: adversarial images only. Madry et al. 2018, https://arxiv.org/abs/1706.06083 */
import { ATTACK, TRAIN } from "../../nn/context.js";
import { crossEntropy } from "../../nn/loss.js";
import type { AttackStepParts, Batch, StepLosses } from "./step.js";

/**
 * One step: attacks the mini-batch through the main batch norms, then adds the gradient of mean loss(adversarial, main) to the store.
 * Label smoothing applies to this loss.
 */
export function adversarialStep(
  { model, attack, attackContext = ATTACK, gradients, labelSmoothing, recompute }: AttackStepParts,
  { images, labels, keys }: Batch,
): Required<Pick<StepLosses, "adversarialLoss">> {
  const adversarial = attack.perturb(
    (x) => model.forward(x, { ...attackContext, route: "main", keys }),
    images,
    labels,
    keys,
  );
  const logits = model.forward(adversarial, { ...TRAIN, recompute, route: "main", keys });
  return { adversarialLoss: gradients.add(crossEntropy(logits, labels, labelSmoothing)) };
}
