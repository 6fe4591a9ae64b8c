/** The fast gradient sign method. Goodfellow et al. 2015, section 4, https://arxiv.org/abs/1412.6572 */
import type { Attack } from "./attack.js";
import { iFgsm } from "./i-fgsm.js";
import type { Target } from "./target.js";
import type { ThreatModel } from "./threat-model.js";

export interface FgsmOptions {
  readonly threatModel: ThreatModel;
  readonly target: Target;
  /** Of the labels or targets of the attack's loss; 0 unless given. */
  readonly labelSmoothing?: number;
}

/** One step from the images to the ball's surface: in the L-infinity norm x + epsilon * sign(gradient), clipped. */
export function fgsm({ threatModel, target, labelSmoothing }: FgsmOptions): Attack {
  return iFgsm({ threatModel, stepSize: threatModel.epsilon, steps: 1, target, labelSmoothing });
}
