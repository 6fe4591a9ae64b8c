/** The attacks of an evaluation by name, including AutoAttack's standard protocol. */

import { UsageError } from "../../errors.js";
import type { Attack } from "../attack.js";
import { type AttackOptions, attackGradients, createAttack } from "../create.js";
import { registeredAttacks } from "../registered.js";
import type { Norm } from "../square/square.js";
import { threatModel } from "../threat-model.js";
import { type ApgdLoss, apgd } from "./apgd.js";
import { bestIterate } from "./best-iterate.js";
import { evaluationPgd, PROTOCOL } from "./defaults.js";
import { fab } from "./fab.js";
import { inTurn, restarted } from "./in-turn.js";
import type { EvaluationAttackName } from "./names.js";
import { square } from "./tensor-square.js";

export interface EvaluationAttackOptions {
  readonly name: EvaluationAttackName;
  readonly norm: Norm;
  readonly epsilon: number;
  /** Number of classes of the classifier. Targeted attacks aim at 9 wrong classes, or at all of them if there are fewer. */
  readonly classes: number;
  /** Number of runs of each attack, each from another random start; by default 1. */
  readonly restarts?: number;
  /** Number of iterations; by default 100, and 10 for PGD. Not for Square. */
  readonly steps?: number;
  /** Only for PGD; by default a quarter of epsilon. */
  readonly stepSize?: number;
  /** Only for Square, also as a part of AutoAttack; by default 5000. */
  readonly queries?: number;
}

/** An attack with its largest cost per image: numbers of forward and backward passes. */
export interface EvaluationAttack {
  readonly name: string;
  readonly attack: Attack;
  readonly forward: number;
  readonly backward: number;
}

/** Number of wrong classes that a targeted attack tries, the most probable first, as in the protocol. */
const TARGETS = 9;

/**
 * The attacks of a name, and warnings about them. Each attack is tried on the images that the earlier ones did not break.
 *
 * AutoAttack's standard protocol is APGD with cross-entropy (100 iterations), targeted APGD with the difference of
 * logits ratio (9 targets), FAB-T (9 targets) and Square (5000 queries), each once. With fewer than 4 classes the ratio
 * is undefined and its attack is left out. With fewer than 10 classes the targets are all wrong classes. Both give a warning.
 *
 * Source: Croce and Hein 2020, section 5, https://arxiv.org/abs/2003.01690
 *
 * @throws ERR_ATTACK the attack does not use an option that is given
 * @throws ERR_CLASSES the attack needs more classes
 * @throws ERR_EPSILON, ERR_ATTACK_STEPS, ERR_RESTARTS as the attacks themselves
 */
export function evaluationAttacks(options: EvaluationAttackOptions): {
  readonly attacks: readonly EvaluationAttack[];
  readonly warnings: readonly string[];
} {
  const { name, classes } = options;
  checkUsed(options);
  if (name !== "autoattack") return { attacks: [single(name, options)], warnings: targetWarnings(name, classes) };
  const members = (["apgd-ce", "apgd-t", "fab", "square"] as const).filter(
    (member) => member !== "apgd-t" || classes >= FEWEST_CLASSES[member],
  );
  const warnings = targetWarnings("fab", classes);
  if (!members.includes("apgd-t")) {
    warnings.push(
      `autoattack: targeted APGD is left out, because the difference of logits ratio needs at least 4 classes; the classifier has ${classes}`,
    );
  }
  return { attacks: members.map((member) => single(member, options)), warnings };
}

/** @throws ERR_ATTACK an option is given that the attack does not use */
function checkUsed(options: EvaluationAttackOptions): void {
  const { name } = options;
  const used: readonly string[] = name === "pgd" ? ["steps", "stepSize"] : Object.keys(PROTOCOL[name]);
  const unused = (["steps", "stepSize", "queries"] as const).find(
    (key) => options[key] !== undefined && !used.includes(key),
  );
  if (unused === undefined) return;
  throw new UsageError(
    "ERR_ATTACK",
    `evaluationAttacks: ${name} does not use ${unused}; got ${options[unused]}. Leave it out`,
  );
}

const FEWEST_CLASSES = { "apgd-ce": 2, "apgd-dlr": 3, "apgd-t": 4, fab: 2, square: 2, pgd: 2 } as const;

function targetWarnings(name: EvaluationAttackName, classes: number): string[] {
  if ((name !== "fab" && name !== "apgd-t") || classes > TARGETS) return [];
  return [
    `${name}: the protocol tries ${TARGETS} wrong classes; with ${classes} classes there are only ${classes - 1}, and all are tried`,
  ];
}

function single(name: Exclude<EvaluationAttackName, "autoattack">, options: EvaluationAttackOptions): EvaluationAttack {
  const { norm, epsilon, classes, restarts = 1 } = options;
  if (classes < FEWEST_CLASSES[name]) {
    throw new UsageError(
      "ERR_CLASSES",
      `${name}: the classifier must have at least ${FEWEST_CLASSES[name]} classes; got ${classes}. Use apgd-ce or square`,
    );
  }
  const ball = threatModel(norm, epsilon);
  const { steps = PROTOCOL.autoattack.steps, queries = PROTOCOL.autoattack.queries } = options;
  const targets = Math.min(TARGETS, classes - 1);
  const ranks = Array.from({ length: targets }, (_, i) => i + 1);
  const auto = (loss: ApgdLoss) => apgd({ threatModel: ball, loss, steps });
  // After each run one more forward pass finds the images that it did not break.
  const priced = (attack: Attack, runs: number, forward: number, backward: number): EvaluationAttack => ({
    name,
    attack,
    forward: runs * (forward + 1),
    backward: runs * backward,
  });
  switch (name) {
    case "apgd-ce":
      return priced(restarted(auto("ce"), restarts), restarts, steps + 1, steps);
    case "apgd-dlr":
      return priced(restarted(auto("dlr"), restarts), restarts, steps + 1, steps);
    case "apgd-t": {
      const attack = inTurn(ranks.flatMap((targetRank) => repeat(auto({ targetRank }), restarts)));
      return priced(attack, targets * restarts, steps + 2, steps);
    }
    case "fab": {
      // The first run starts from the images, as in the paper; later ones start near them.
      const runs = Array.from({ length: restarts }, (_, r) => (r === 0 ? undefined : epsilon));
      const attack = inTurn(
        ranks.flatMap((targetRank) =>
          runs.map((startWithin) => fab({ targetRank, steps, ...(startWithin && { startWithin }) }, norm, epsilon)),
        ),
      );
      return priced(attack, targets * restarts, 2 * steps + 13, steps + 1);
    }
    case "square":
      return priced(restarted(square({ norm, epsilon, queries }), restarts), restarts, queries, 0);
    case "pgd":
      return trainingAttack(evaluationPgd(norm, epsilon, options), restarts);
  }
}

/**
 * An attack of training as an evaluation uses it. Built-in attacks give the best iterate of each image. A registered attack gives its result,
 * because it may ask the network about other images than its iterates: such as a look-ahead outside of the ball, or resized copies.
 */
export function evaluatedAttack(options: AttackOptions): Attack {
  const attack = createAttack(options);
  return registeredAttacks().some(({ name }) => name === options.name) ? attack : bestIterate(attack);
}

/** An attack of training in an evaluation, from several random starts. */
export function trainingAttack(options: AttackOptions, restarts: number): EvaluationAttack {
  const gradients = attackGradients(options);
  return {
    name: options.name,
    attack: restarted(evaluatedAttack(options), restarts),
    forward: restarts * (gradients + 2),
    backward: restarts * gradients,
  };
}

const repeat = <T>(value: T, count: number): T[] => new Array<T>(count).fill(value);
