/**
 * Training on clean and adversarial images together through one batch norm. It is the baseline for AdvProp's second batch norm
 * (Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572; Kurakin et al. 2017, https://arxiv.org/abs/1611.01236).
 */
import { ATTACK, TRAIN } from "../../nn/context.js";
import { keysTwice } from "../../nn/keys.js";
import { crossEntropy } from "../../nn/loss.js";
import { add, concat, detach, mul, rows } from "../../tensor/operators.js";
import { cleanImages, cleanLossOf } from "./mixing.js";
import { type AttackStepParts, type Batch, type StepLosses, SUM } from "./step.js";

/**
 * One step: attacks the mini-batch with the running statistics of the main batch norms. It then passes the clean and the adversarial
 * images as one batch of 2N, so that their joint statistics normalise both. It adds the gradient of mean loss(clean) +
 * mean loss(adversarial), each times its weight, to the store. This is the loss of AdvProp; only the batch norms differ. Label smoothing
 * applies to both losses, as in AdvProp.
 */
export function mixtureStep(
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
  const adversarial = attack.perturb(
    (x) => model.forward(x, { ...attackContext, route: "main", keys }),
    images,
    labels,
    keys,
  );
  const logits = model.forward(concat([cleanImages(batch), adversarial]), {
    ...TRAIN,
    recompute,
    route: "main",
    keys: keysTwice(keys),
  });
  const count = labels.size;
  const cleanLoss = cleanLossOf(rows(logits, 0, count), batch, labelSmoothing);
  const adversarialLoss = crossEntropy(rows(logits, count, 2 * count), labels, adversarialLabelSmoothing);
  const { clean, adversarial: weight } = lossWeights;
  gradients.add(add(mul(cleanLoss, clean), mul(adversarialLoss, weight)));
  return { cleanLoss: detach(cleanLoss), adversarialLoss: detach(adversarialLoss) };
}
