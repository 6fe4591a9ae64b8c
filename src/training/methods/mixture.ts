/**
 * Training on clean and adversarial images together, through one batch norm: the baseline that AdvProp's second batch
 * norm is measured against (Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572; Kurakin et al. 2017,
 * https://arxiv.org/abs/1611.01236).
 */
import { ATTACK, TRAIN } from "../../nn/context.js";
import { keysTwice } from "../../nn/keys.js";
import { crossEntropy } from "../../nn/loss.js";
import { add, concat, detach, mul, rows } from "../../tensor/operators.js";
import { cleanImages, cleanLossOf } from "./mixing.js";
import { type AttackStepParts, type Batch, type StepLosses, SUM } from "./step.js";

/**
 * One step: attacks the mini-batch through the main batch norms' running statistics, then passes the clean and the
 * adversarial images as one batch of 2N, so that both are normalised by their joint statistics, and adds the gradient of
 * mean loss(clean) + mean loss(adversarial), each times its weight, to the store: AdvProp's sum, in which only the batch norms
 * differ. Label smoothing acts on both, as in AdvProp.
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
