/**
 * AdvProp, Algorithm 1 of Xie, Tan, Gong, Wang, Yuille and Le, Adversarial Examples Improve Image Recognition, CVPR 2020,
 * https://arxiv.org/abs/1911.09665.
 */
import { ATTACK, TRAIN } from "../../nn/context.js";
import { crossEntropy } from "../../nn/loss.js";
import { cleanImages, cleanLossOf } from "./mixing.js";
import { type AttackStepParts, type Batch, type StepLosses, SUM } from "./step.js";

/**
 * One step: attacks the mini-batch through the auxiliary batch norms, then adds the gradient of
 * mean loss(clean, main) + mean loss(adversarial, aux) to the store, each loss times its weight. The paper minimises this sum. It is
 * twice the mean over both mini-batches, which tingxueronghua/pytorch-classification-advprop minimises.
 *
 * Label smoothing applies to both losses, and the attack uses plain cross-entropy on hard labels. The paper does not say whether it did
 * the same. Both public ports do (tingxueronghua/pytorch-classification-advprop, meijieru/fast_advprop).
 */
export function advPropStep(
  {
    model,
    attack,
    attackContext = ATTACK,
    gradients,
    labelSmoothing,
    adversarialLabelSmoothing = labelSmoothing,
    lossWeights = SUM,
    recompute,
  }: AttackStepParts,
  batch: Batch,
): Required<StepLosses> {
  const { images, labels, keys } = batch;
  // Attack the current network through its auxiliary batch norms.
  const adversarial = attack.perturb(
    (x) => model.forward(x, { ...attackContext, route: "aux", keys }),
    images,
    labels,
    keys,
  );

  // Each mini-batch goes through the batch norms of its own distribution. Each loss adds its gradient to the sum
  // as soon as it is known, so that only one graph is in memory at a time.
  const cleanLoss = gradients.add(
    cleanLossOf(model.forward(cleanImages(batch), { ...TRAIN, recompute, route: "main", keys }), batch, labelSmoothing),
    lossWeights.clean,
  );
  const adversarialLoss = gradients.add(
    crossEntropy(
      model.forward(adversarial, { ...TRAIN, recompute, route: "aux", keys }),
      labels,
      adversarialLabelSmoothing,
    ),
    lossWeights.adversarial,
  );
  return { cleanLoss, adversarialLoss };
}
