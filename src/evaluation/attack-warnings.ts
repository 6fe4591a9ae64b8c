/**
 * What makes an evaluation by attacks unreliable, as far as a program can tell. After the flags of AutoAttack
 * (fra31/auto-attack, `flags_doc.md`; Croce and Hein 2020, https://arxiv.org/abs/2003.01690), in our words.
 */
import type { AttackOutcome } from "./attack-outcome.js";

/** How far the logits of two passes may lie apart, and a sum of probabilities from 1. */
const TOLERANCE = 1e-5;

/**
 * Warnings from two clean passes and a gradient.
 *
 * @param first         logits (N, K)
 * @param second        logits of the same images once more
 * @param gradientSizes (N), undefined for a classifier without gradients
 * @param count         N
 */
export function attackWarnings(
  first: Float32Array,
  second: Float32Array,
  gradientSizes: readonly number[] | undefined,
  count: number,
): string[] {
  const warnings: string[] = [];
  const classes = first.length / count;
  const apart = first.reduce((most, value, i) => Math.max(most, Math.abs(value - second[i])), 0);
  if (apart > TOLERANCE) {
    warnings.push(
      `the classifier is random: the logits of two passes differ by up to ${apart.toPrecision(2)}. Attacks on one draw say little of the next; average its logits over many draws, and attack those`,
    );
  }
  const rows = Array.from({ length: count }, (_, n) => first.subarray(n * classes, (n + 1) * classes));
  const isDistribution = (row: Float32Array) =>
    row.every((value) => value >= 0 && value <= 1 + TOLERANCE) &&
    Math.abs(row.reduce((total, value) => total + value, 0) - 1) <= TOLERANCE * classes;
  if (rows.every(isDistribution)) {
    warnings.push(
      "the classifier gives probabilities, not logits: their gradients vanish where it is sure, and attacks look weaker than they are. Leave its softmax out",
    );
  }
  const vanished = gradientSizes?.filter((size) => !(size > 0)).length ?? 0;
  if (vanished > 0) {
    warnings.push(
      `the gradient of the cross-entropy is zero for ${vanished} of ${count} images: attacks by gradient cannot move there, and only those of other losses, or without gradient, count`,
    );
  }
  return warnings;
}

/** Share of the images by which Square may lower what the attacks by gradient left. */
const SQUARE_SHARE = 0.002;

/** A warning where Square, without gradients, breaks what attacks with gradients did not. */
export function squareWarning(attacks: readonly AttackOutcome[]): string | undefined {
  const at = attacks.findIndex(({ name }) => name === "square");
  if (at < 1) return undefined;
  const fell = attacks[at - 1].accuracy - attacks[at].accuracy;
  if (!(fell > SQUARE_SHARE)) return undefined;
  return `Square lowers the robust accuracy by ${(100 * fell).toFixed(2)} % more than the attacks by gradient: the gradients may be masked, and attacks made for this defence may break more`;
}
