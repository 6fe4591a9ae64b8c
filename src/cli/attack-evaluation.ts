/** The attack of one evaluation, with its cost and warnings on standard error. */
import type { PixelBatch } from "../data/loader.js";
import { measureRobustness, type Robustness } from "../evaluation/robustness.js";
import type { Adversaries } from "../predictors/adversaries.js";
import type { EvaluationFile } from "../runs/schema.js";
import { COSTLY_ATTACK_IMAGES, type CommandAttack } from "./attack-plan.js";
import { BatchProgress, duration } from "./progress.js";

/** The images that are attacked. */
export interface AttackedImages {
  readonly length: number;
  readonly batches: AsyncIterable<PixelBatch> | Iterable<PixelBatch>;
  /** Whether the number of images was chosen by the attack, and not by the user. */
  readonly limited: boolean;
}

/** Makes an attack, and counts what stands. */
export async function evaluateAttack(
  attack: CommandAttack,
  { subject, adversaries, warnings }: Adversaries,
  images: AttackedImages,
  quiet: boolean,
): Promise<Robustness> {
  const say = (text: string) => process.stderr.write(`${text}\n`);
  for (const warning of warnings) say(`Warning: ${warning}`);
  const progress = new BatchProgress(attack.name, images.length, quiet);
  const result = await measureRobustness(
    {
      subject,
      adversaries,
      norm: attack.norm,
      epsilon: attack.epsilon,
      count: images.length,
      onCost: ({ forward, backward, seconds }) => {
        const subset =
          images.limited && images.length === COSTLY_ATTACK_IMAGES
            ? ` (the first ${COSTLY_ATTACK_IMAGES}; --limit-test changes it)`
            : "";
        if (!quiet) {
          say(
            `${attack.name} on ${images.length} images${subset}: at most ${forward.toLocaleString("en")} forward and ` +
              `${backward.toLocaleString("en")} backward passes of one image, about ${duration(seconds)} if nothing breaks`,
          );
        }
      },
      onWarning: (warning) => say(`Warning: ${warning}`),
      onProgress: (done, name, standing) => {
        // Hours may pass between two of these, so they are lines that stay.
        if (!attack.costly) progress.show(done);
        else if (!quiet) say(`${name}: ${done}/${images.length} images, ${standing} stand`);
      },
    },
    images.batches,
  );
  return { ...result, warnings: [...warnings, ...result.warnings] };
}

/** What the attack left, one line for each member; empty where none was made. */
export function describeRobustness({ count, attack, robustAccuracy, robustness }: EvaluationFile): string[] {
  if (attack === undefined || robustAccuracy === undefined || robustness === undefined) return [];
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const restarts = Number(attack.restarts) > 1 ? `${attack.restarts} runs, ` : "";
  const size = (distance: unknown) =>
    attack.norm === "l2" ? `${+Number(distance).toPrecision(6)}` : `${+(Number(distance) * 255).toFixed(2)}/255`;
  const ofSize = attack.stepSize === undefined ? "" : ` of ${size(attack.stepSize)}`;
  const steps = attack.steps === undefined ? "" : `${attack.steps} steps${ofSize}, `;
  const target = attack.target === "random" ? "random target, " : "";
  const radius = attack.radius === undefined ? "" : `, counted within ${size(attack.radius)}`;
  const lines = [
    `robust accuracy ${percent(robustAccuracy)} of ${count} images (${attack.name}, ${attack.norm}, ${steps}${target}${restarts}epsilon ${size(attack.epsilon)}${radius})`,
  ];
  const width = Math.max(...robustness.attacks.map(({ name }) => name.length));
  for (const { name, attacked, broken, outside, accuracy, seconds } of robustness.attacks) {
    const cheated = outside === 0 ? "" : `, gave back ${outside} outside the ball`;
    lines.push(
      `  ${name.padEnd(width)}  broke ${broken} of ${attacked}${cheated}, leaves ${percent(accuracy)}; ${duration(seconds)}`,
    );
  }
  return lines;
}
