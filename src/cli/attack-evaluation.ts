/** The attack of one evaluation, with its cost and warnings on standard error. */
import type { PixelBatch } from "../data/loader.js";
import { measureRobustness, type Robustness } from "../evaluation/robustness.js";
import { adversariesOf } from "../predictors/adversaries.js";
import type { OpenedPredictor } from "../predictors/opened.js";
import { COSTLY_ATTACK_IMAGES, type CommandAttack } from "./attack-plan.js";
import { BatchProgress, duration } from "./progress.js";

/** The images that are attacked. */
export interface AttackedImages {
  readonly length: number;
  readonly batches: AsyncIterable<PixelBatch> | Iterable<PixelBatch>;
  /** Whether the number of images was chosen by the attack, and not by the user. */
  readonly limited: boolean;
}

/** Attacks a predictor, and counts what stands. @throws as `adversariesOf` */
export async function evaluateAttack(
  predictor: OpenedPredictor,
  attack: CommandAttack,
  images: AttackedImages,
  seed: number,
  quiet: boolean,
): Promise<Robustness> {
  const { subject, adversaries, warnings } = await adversariesOf(predictor, attack, seed);
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
      onProgress: (done) => progress.show(done),
    },
    images.batches,
  );
  return { ...result, warnings: [...warnings, ...result.warnings] };
}

/** What the attack left, one line for each member. */
export function describeRobustness(
  { count, cleanAccuracy, robustAccuracy, attacks }: Robustness,
  { name, norm, epsilon }: Pick<CommandAttack, "name" | "norm" | "epsilon">,
): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const size = norm === "l2" ? `${epsilon}` : `${+(255 * epsilon).toFixed(2)}/255`;
  const lines = [
    `robust accuracy ${percent(robustAccuracy)} (${name}, ${norm}, epsilon ${size}) on ${count} images, clean ${percent(cleanAccuracy)}`,
  ];
  const width = Math.max(...attacks.map((one) => one.name.length));
  for (const one of attacks) {
    const outside = one.outside === 0 ? "" : `, ${one.outside} outside the ball`;
    lines.push(
      `  ${one.name.padEnd(width)}  broke ${one.broken} of ${one.attacked}${outside}, leaves ${percent(one.accuracy)}, ${duration(one.seconds)}`,
    );
  }
  return lines;
}
