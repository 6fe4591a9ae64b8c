/** Checks the number of runs of an attack. */
import type { AttackOptions } from "../attacks/create.js";
import { TRAINING_ATTACKS } from "../attacks/names.js";
import { UsageError } from "../errors.js";

/**
 * Checks the runs of a plan. The attacks that only evaluations have differ in every run.
 *
 * @param classes number of classes of the classifier; without it, as if they were many
 * @throws UsageError ERR_RESTARTS the number of runs is not a positive integer; or it is above 1, and every run would be the same
 */
export function checkRestarts(
  { restarts, attack }: { readonly restarts: number; readonly attack: AttackOptions | { readonly evaluation: string } },
  classes = Number.POSITIVE_INFINITY,
): void {
  if (!Number.isSafeInteger(restarts) || restarts < 1) {
    throw new UsageError("ERR_RESTARTS", `evaluate: \`restarts\` must be a positive integer; got ${restarts}`);
  }
  if (restarts === 1 || !("name" in attack) || isRandom(attack, classes)) return;
  throw new UsageError(
    "ERR_RESTARTS",
    `evaluate: \`restarts\` must be 1 because nothing in this attack by ${attack.name} is random, so every run is the same; ` +
      `got ${restarts}. Leave it out, or use pgd with a random start`,
  );
}

/** Whether something in an attack of training is drawn, so that its runs differ. Of a registered attack this cannot be known. */
function isRandom(attack: AttackOptions, classes: number): boolean {
  if (!TRAINING_ATTACKS.some((name) => name === attack.name)) return true;
  const start = "randomStart" in attack && attack.randomStart && attack.cleanStartProbability < 1;
  // With two classes there is only one wrong class to draw.
  const target = "target" in attack && attack.target === "random" && classes > 2;
  return start || target;
}
