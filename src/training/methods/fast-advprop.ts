/**
 * Fast AdvProp (Mei, Han, Bai, Zhang, Li, Li, Yuille and Xie, Fast AdvProp, ICLR 2022, https://arxiv.org/abs/2204.09838; code in
 * meijieru/fast_advprop): AdvProp at little more than the cost of vanilla training.
 */
import { assert, UsageError } from "../../errors.js";
import { TRAIN } from "../../nn/context.js";
import { drawFor, keysAt, keysOfRows, type SampleKeys } from "../../nn/keys.js";
import { Purpose } from "../../random.js";
import type { Tensor } from "../../tensor/index.js";
import { channelsLast, detach, fallingOrder, keyedUniform, reshape, rows, rowsAt } from "../../tensor/operators.js";
import { cleanImages, cleanLossOf } from "./mixing.js";
import type { AttackStepParts, Batch, ParameterOwner, StepLosses } from "./step.js";

/** Weight of the noise pass. The adversarial pass has the rest of 1, so that an attacked image counts as much as a clean one. */
const NOISE_WEIGHT = 0.5;

/**
 * One step. The mini-batch's N images are split: the last A images, a share p of them, are attacked, and the other C are clean. No
 * image is both.
 *
 * 1. Clean pass: the C images through the main norms.
 * 2. Noise pass: random points in the balls around the A images, through the auxiliary norms with batch statistics. It is a training
 *    pass. Its gradient with respect to the images is also that of the attack: K = 1, untargeted, with the labels of the training loss.
 * 3. One step of the threat model along that gradient, and its projection.
 * 4. Adversarial pass: the attacked images in another order through the auxiliary norms, whose running statistics are thus updated twice.
 *
 * Re-balancing: with w = 1 for clean images and 1/2 for each of the two passes of an attacked image, a parameter's gradient is
 * sum_i w_i grad loss_i / sum_i w_i over the passes that use the parameter. So the gradient sums of shared parameters are divided by
 * C + A/2 + A/2 = N, those of the main norms by C, and those of the auxiliary norms by A. All then learn at the same speed.
 *
 * @param share p, in (0, 1); 1/5 in the published code
 * @throws ERR_BATCH_SIZE the mini-batch has a single image
 */
export function fastAdvPropStep(
  {
    model,
    gradients,
    labelSmoothing,
    adversarialLabelSmoothing = labelSmoothing,
    recompute,
    singleStep,
  }: AttackStepParts,
  share: number,
  { images, mix, labels, keys }: Batch,
): StepLosses {
  assert(singleStep !== undefined, "the step was made without its threat model");
  const { threatModel, stepSize, owners } = singleStep;
  const count = labels.size;
  const attacked = attackedOf(count, share);
  const clean = count - attacked;
  const part = (start: number, end: number): Batch => ({
    images: rows(images, start, end),
    labels: rows(labels, start, end),
    keys: keysOfRows(keys, start, end),
  });
  const cleanPart: Batch = { ...part(0, clean), mix: mix && rows(mix, 0, clean) };
  const loss = (batch: Batch, route: string, smoothing: number): Tensor =>
    cleanLossOf(model.forward(cleanImages(batch), { ...TRAIN, recompute, route, keys: batch.keys }), batch, smoothing);

  const factors: Readonly<Record<ParameterOwner, number>> = {
    shared: 1,
    main: count / clean,
    auxiliary: count / attacked,
  };
  return gradients.scaled(
    owners.map((owner) => factors[owner]),
    () => {
      const cleanLoss = gradients.add(loss(cleanPart, "main", labelSmoothing), clean / count);

      const original = part(clean, count);
      const start = detach(threatModel.start(original.images, original.keys)).requireGradient();
      const ofNoise = loss({ ...original, images: start }, "aux", adversarialLabelSmoothing);
      const noise = gradients.addWithInput(ofNoise, start, (NOISE_WEIGHT * attacked) / count);

      const adversarial = threatModel.advance(detach(start), noise.gradient, stepSize, original.images);
      const shuffled = inOtherOrder({ ...original, images: adversarial });
      const adversarialLoss = gradients.add(
        loss(shuffled, "aux", adversarialLabelSmoothing),
        ((1 - NOISE_WEIGHT) * attacked) / count,
      );
      return { cleanLoss, noiseLoss: noise.loss, adversarialLoss };
    },
  );
}

/**
 * The number of a mini-batch's images that are attacked: the share, rounded, but at least one and not all.
 *
 * @throws ERR_BATCH_SIZE there is a single image
 */
export function attackedOf(count: number, share: number): number {
  if (count < 2) {
    throw new UsageError("ERR_BATCH_SIZE", `fastAdvProp: a mini-batch must have at least 2 images; got ${count}`);
  }
  return Math.min(count - 1, Math.max(1, Math.round(share * count)));
}

/**
 * The same images in a random order by keyed draws. The paper shuffles the adversarial images between GPUs, where each norm sees only the
 * images of its own GPU, so that no norm sees a group of images that was attacked through it. Here a norm sees the whole mini-batch, and
 * the order changes only the rounding.
 */
function inOtherOrder({ images, labels, keys }: Batch): Batch {
  const { size } = labels;
  const draws = drawFor(keys, { purpose: Purpose.shuffle }, (samples, key) =>
    keyedUniform(samples, [1], key, "float64"),
  );
  const order = reshape(fallingOrder(reshape(draws, [1, size])), [size]);
  return { images: channelsLast(rowsAt(images, order)), labels: rowsAt(labels, order), keys: keysInOrder(keys, order) };
}

/** Keys in another order. The order is read only if samples are repeated, because reading waits for the GPU. */
const keysInOrder = (keys: SampleKeys, order: Tensor): SampleKeys =>
  keysAt(keys, keys.repeats === undefined ? [] : order.toNumbers(), order);
