/** Adversaries of an opened predictor: any attack for one of our models, and only Square for a black-box model. */
import type { AttackOptions } from "../attacks/create.js";
import type { EvaluationAttackName } from "../attacks/evaluation/names.js";
import type { Norm } from "../attacks/square/square.js";
import { UsageError } from "../errors.js";
import { blackBoxSquare, blackBoxSubject } from "../evaluation/black-box.js";
import type { Adversary, Subject } from "../evaluation/robustness.js";
import type { OpenedPredictor } from "./opened.js";
import { checkRestarts } from "./restarts.js";

const BLACK_BOX =
  "the model gives no gradients, so the attack uses only its outputs. The robust accuracy is an upper bound; do not compare it with one under gradient attacks";

const NOT_PROJECTED =
  "gd does not project into the ball, so its images may be farther from the originals than epsilon. Do not compare its robust accuracy with others at this epsilon; use pgd for that";

/** An attack to evaluate with. */
export interface AttackPlan {
  readonly norm: Norm;
  /** A success counts only within this radius: the largest distance that the attack may reach. */
  readonly epsilon: number;
  /** Number of runs, each with other random draws. */
  readonly restarts: number;
  /** The options of an attack of training, or the name of an attack that only evaluations use. */
  readonly attack:
    | AttackOptions
    | { readonly evaluation: EvaluationAttackName; readonly steps?: number; readonly queries?: number };
}

/** An attack that is ready to run, and warnings about its result. */
export interface Adversaries {
  readonly subject: Subject;
  readonly adversaries: readonly Adversary[];
  readonly warnings: readonly string[];
}

/**
 * The subject and the adversaries of a plan, and warnings about the result.
 *
 * @param seed seed of the attacks' random draws
 * @throws ERR_ATTACK the predictor gives no gradients, and the attack needs them
 * @throws ERR_RESTARTS with the classes of the predictor, every run is the same
 * @throws ERR_CLASSES there are too few classes for the attack; and what the attacks themselves throw
 */
export async function adversariesOf(predictor: OpenedPredictor, plan: AttackPlan, seed: number): Promise<Adversaries> {
  const { norm, epsilon, restarts, attack } = plan;
  checkRestarts(plan, predictor.classes.length);
  if (predictor.access === "black-box") {
    if ("name" in attack || attack.evaluation !== "square") {
      const name = "name" in attack ? attack.name : attack.evaluation;
      throw new UsageError(
        "ERR_ATTACK",
        `evaluate: ${name} needs gradients, and an ONNX file gives none. Use \`attack: square\`, which needs only outputs`,
      );
    }
    const runs = Array.from({ length: restarts }, (_, epoch) =>
      blackBoxSquare(predictor, { norm, epsilon, queries: attack.queries, seed, epoch }),
    );
    return { subject: blackBoxSubject(predictor), adversaries: runs, warnings: [BLACK_BOX] };
  }
  // Loaded only now, because the attack on an ONNX file needs no libtorch.
  const { whiteBox } = await import("./white-box.js");
  const { evaluationAttacks, trainingAttack } = await import("../attacks/evaluation/auto-attack.js");
  const { subject, adversary } = whiteBox(predictor.classifier, predictor.route);
  const { attacks, warnings } =
    "name" in attack
      ? { attacks: [trainingAttack(attack, restarts)], warnings: attack.name === "gd" ? [NOT_PROJECTED] : [] }
      : evaluationAttacks({
          ...attack,
          name: attack.evaluation,
          norm,
          epsilon,
          classes: predictor.classes.length,
          restarts,
        });
  return { subject, adversaries: attacks.map((one) => adversary(one, seed)), warnings };
}
