/** Adversaries of an opened predictor: whatever can be done to one of our models, and Square to one that only answers. */
import type { AttackOptions } from "../attacks/create.js";
import type { EvaluationAttackName } from "../attacks/evaluation/names.js";
import type { Norm } from "../attacks/square/square.js";
import { UsageError } from "../errors.js";
import { blackBoxSquare, blackBoxSubject } from "../evaluation/black-box.js";
import type { Adversary, Subject } from "../evaluation/robustness.js";
import type { OpenedPredictor } from "./opened.js";

const BLACK_BOX =
  "the model only answers, so it is attacked by its answers alone: its robust accuracy is an upper bound, not to be compared with one under attacks by gradient";

const NOT_PROJECTED =
  "gd is not projected into its ball: its images count as far as its start and its steps go, so its robust accuracy must not be compared with one at the same epsilon. Use pgd for that";

/** An attack to evaluate with. */
export interface AttackPlan {
  readonly norm: Norm;
  /** Radius within which a success counts: what the attack may reach. */
  readonly epsilon: number;
  /** Runs from other random starts, the first included. */
  readonly restarts: number;
  /** An attack of training as its options, or one of an evaluation by name. */
  readonly attack: AttackOptions | { readonly evaluation: EvaluationAttackName; readonly steps?: number };
}

/** An attack ready to be made, and what must be said of it. */
export interface Adversaries {
  readonly subject: Subject;
  readonly adversaries: readonly Adversary[];
  readonly warnings: readonly string[];
}

/**
 * The subject and the adversaries of a plan, and what must be said of them.
 *
 * @param seed of the attacks' draws
 * @throws ERR_ATTACK the predictor only answers, and the attack needs its gradients
 * @throws ERR_CLASSES the classes are too few for the attack, and what the attacks themselves throw
 */
export async function adversariesOf(predictor: OpenedPredictor, plan: AttackPlan, seed: number): Promise<Adversaries> {
  const { norm, epsilon, restarts, attack } = plan;
  if (predictor.access === "black-box") {
    if ("name" in attack || attack.evaluation !== "square") {
      const name = "name" in attack ? attack.name : attack.evaluation;
      throw new UsageError(
        "ERR_ATTACK",
        `evaluate: ${name} needs gradients, and an ONNX file only answers. Use \`attack: square\`, which asks for answers alone`,
      );
    }
    const runs = Array.from({ length: restarts }, (_, epoch) =>
      blackBoxSquare(predictor, { norm, epsilon, seed, epoch }),
    );
    return { subject: blackBoxSubject(predictor), adversaries: runs, warnings: [BLACK_BOX] };
  }
  // Loaded only now: whoever attacks an ONNX file needs no libtorch.
  const { whiteBox } = await import("./white-box.js");
  const { evaluationAttacks, trainingAttack } = await import("../attacks/evaluation/auto-attack.js");
  const { subject, adversary } = whiteBox(predictor.classifier, predictor.route);
  const { attacks, warnings } =
    "name" in attack
      ? { attacks: [trainingAttack(attack, restarts)], warnings: attack.name === "gd" ? [NOT_PROJECTED] : [] }
      : evaluationAttacks({
          name: attack.evaluation,
          norm,
          epsilon,
          classes: predictor.classes.length,
          restarts,
          ...(attack.steps !== undefined && { steps: attack.steps }),
        });
  return { subject, adversaries: attacks.map((one) => adversary(one, seed)), warnings };
}
