/**
 * Warnings about unreliable evaluations by attacks, as far as a program can detect them. The checks follow the flags of
 * AutoAttack (fra31/auto-attack, `flags_doc.md`; Croce and Hein 2020, https://arxiv.org/abs/2003.01690). The texts are new.
 */
import type { AttackOutcome } from "./attack-outcome.js";

/** Maximum difference between the logits of two passes, and between a sum of probabilities and 1. */
const TOLERANCE = 1e-5;

/**
 * Warnings from two clean passes and a gradient.
 *
 * @param first         logits (N, K)
 * @param second        logits of a second pass over the same images
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
      `the classifier is random: the logits of two passes differ by up to ${apart.toPrecision(2)}. An attack on one draw may fail on the next; attack the mean of the logits over many draws`,
    );
  }
  const rows = Array.from({ length: count }, (_, n) => first.subarray(n * classes, (n + 1) * classes));
  const isDistribution = (row: Float32Array) =>
    row.every((value) => value >= 0 && value <= 1 + TOLERANCE) &&
    Math.abs(row.reduce((total, value) => total + value, 0) - 1) <= TOLERANCE * classes;
  if (rows.every(isDistribution)) {
    warnings.push(
      "the classifier gives probabilities, not logits: their gradients vanish where the classifier is confident, so that attacks look weaker than they are. Remove its softmax",
    );
  }
  const vanished = gradientSizes?.filter((size) => !(size > 0)).length ?? 0;
  if (vanished > 0) {
    warnings.push(
      `the gradient of the cross-entropy is zero for ${vanished} of ${count} images: attacks by this gradient do nothing there, and only attacks with other losses or without gradients count`,
    );
  }
  return warnings;
}

/** Share of the images that Square may break after the gradient attacks without a warning. */
const SQUARE_SHARE = 0.002;

/** A warning where Square, which uses no gradients, breaks images that gradient attacks did not. */
export function squareWarning(attacks: readonly AttackOutcome[]): string | undefined {
  const at = attacks.findIndex(({ name }) => name === "square");
  if (at < 1) return undefined;
  const fell = attacks[at - 1].accuracy - attacks[at].accuracy;
  if (!(fell > SQUARE_SHARE)) return undefined;
  return `Square lowers the robust accuracy by ${(100 * fell).toFixed(2)} % below the gradient attacks: the gradients may be masked, and attacks made for this defence may break more images`;
}

/** A warning for each attack that returned images outside of the ball, which never count as broken. */
export const outsideWarnings = (attacks: readonly AttackOutcome[]): string[] =>
  attacks
    .filter(({ outside }) => outside > 0)
    .map(
      ({ name, outside, attacked }) =>
        `${name} returned ${outside} of ${attacked} images outside of the ball or of [0, 1], or with values that are no numbers: they do not count as broken, so that the robust accuracy is too high`,
    );
