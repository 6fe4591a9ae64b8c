/** AdvProp's attackers (Xie et al. 2020, section 3, https://arxiv.org/abs/1911.09665): PGD and its simpler variants. */

import { UsageError } from "../errors.js";
import { crossEntropy } from "../nn/loss.js";
import { gradientOf, scope } from "../tensor/index.js";
import { detach } from "../tensor/operators.js";
import type { Attack } from "./attack.js";
import { checkProbability, drawStart } from "./start.js";
import { randomTargets, type Target } from "./target.js";
import type { ThreatModel } from "./threat-model.js";

export interface PgdOptions {
  readonly threatModel: ThreatModel;
  /** With pixels in [0, 1]. */
  readonly stepSize: number;
  readonly steps: number;
  /** "given": the labels are the targets. */
  readonly target: Target | "given";
  /** Whether to start at a random point of the ball rather than at the images. */
  readonly randomStart: boolean;
  /** With a random start: the probability that an image starts from itself anyway; by default 0. */
  readonly cleanStartProbability?: number;
  /** Smoothing of the labels or targets of the attack's loss; by default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Projected gradient descent. Madry et al. 2018, https://arxiv.org/abs/1706.06083. With random targets it is AdvProp's attacker.
 *
 * x_0 = start(images); x_{t+1} = advance(x_t, gradient), a step and the projection into the ball, `steps` times.
 *
 * The loss is cross-entropy on hard or smoothed labels. It is summed over the batch, so that an image's gradient does not depend on the
 * batch size. With a target the attack minimises the loss of the target, without one it maximises the loss of the label.
 *
 * @throws ERR_EPSILON the step size is not valid for the threat model's norm
 * @throws ERR_ATTACK_STEPS the steps are not a positive integer
 * @throws ERR_PROBABILITY the probability of a clean start is outside [0, 1]
 */
export function pgd(options: PgdOptions): Attack {
  const { threatModel, stepSize, steps, target, randomStart, cleanStartProbability = 0, labelSmoothing = 0 } = options;
  threatModel.checkSize(stepSize, "pgd: stepSize");
  checkProbability(cleanStartProbability, "pgd: cleanStartProbability");
  if (!Number.isInteger(steps) || steps < 1) {
    throw new UsageError("ERR_ATTACK_STEPS", `pgd: steps must be a positive integer; got ${steps}`);
  }
  return {
    perturb(logits, images, labels, keys) {
      const count = images.shape[0];
      if (labels.size !== count || keys.samples.size !== count) {
        throw new UsageError(
          "ERR_SHAPE",
          `pgd: there must be one label and one key for each image; got ${labels.size} labels and ${keys.samples.size} keys for ${count} images`,
        );
      }
      return scope(() => {
        let goal = target === "random" ? undefined : labels;
        let adversarial = randomStart ? drawStart(threatModel, images, keys, cleanStartProbability) : images;
        for (let t = 0; t < steps; t++) {
          const previous = adversarial;
          [adversarial, goal] = scope(() => {
            const x = detach(previous).requireGradient();
            const output = logits(x);
            const aim = goal ?? randomTargets(labels, output.shape[1], keys);
            const gradient = gradientOf(crossEntropy(output, aim, labelSmoothing, "sum"), x);
            const size = target === "none" ? stepSize : -stepSize;
            return [threatModel.advance(previous, gradient, size, images), aim];
          });
          if (previous !== images) previous.dispose();
        }
        return adversarial;
      });
    },
  };
}

export type IFgsmOptions = Omit<PgdOptions, "randomStart" | "cleanStartProbability">;

/**
 * The iterative fast gradient sign method: PGD without a random start. Kurakin et al. 2017, section 2.2,
 * https://arxiv.org/abs/1607.02533
 *
 * @throws as {@link pgd}
 */
export function iFgsm(options: IFgsmOptions): Attack {
  return pgd({ ...options, randomStart: false });
}

export type FgsmOptions = Omit<IFgsmOptions, "stepSize" | "steps">;

/**
 * The fast gradient sign method: one step from the images to the ball's surface, in the L-infinity norm
 * x + epsilon * sign(gradient), clipped. Goodfellow et al. 2015, section 4, https://arxiv.org/abs/1412.6572
 */
export function fgsm(options: FgsmOptions): Attack {
  return iFgsm({ ...options, stepSize: options.threatModel.epsilon, steps: 1 });
}

/**
 * Gradient descent without the projection: x_0 = start(images); x_{t+1} = stepFreely(x_t, gradient). Steps are only clipped to [0, 1],
 * so an image may leave the ball. Its change is at most epsilon for a random start, plus the step size for each step.
 *
 * @throws as {@link pgd}
 */
export function gd({ threatModel, ...options }: PgdOptions): Attack {
  return pgd({ ...options, threatModel: { ...threatModel, advance: threatModel.stepFreely } });
}
