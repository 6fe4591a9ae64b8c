/** The result of an evaluation as text. */
import { CHOSEN_BY_IMAGES, usedLines } from "../../api/evaluation/chosen-by.js";
import { describeLeftOut } from "../../data/photos/photo-text.js";
import { listed, printable } from "../../errors.js";
import type { EvaluationFile } from "../../runs/schema.js";
import { duration } from "../../runs/wording.js";

/** Largest number of classes whose accuracy is printed. The saved file has all. */
const SHOWN_CLASSES = 10;

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

export function describeEvaluation(result: EvaluationFile): string {
  const { weights, model, route, data, count, protocol, accuracy, loss, balancedAccuracy } = result;
  const line = (what: string, share: number, nats: number) =>
    `${what} accuracy ${percent(share)}, loss ${nats.toFixed(4)}`;
  const through = route === undefined ? `(${model.kind}, ${model.access})` : `through ${route}`;
  const which = data.split === "all" ? "images" : `${data.split} images`;
  const { shapeBias } = result;
  const lines = [`${weights} ${through} on ${count} ${which} of ${data.name}`, `  ${protocol.images}`];
  lines.push(...imageLines(result).map((text) => `  ${text}`));
  if (protocol.input !== undefined) lines.push(`  ${protocol.input}`);
  lines.push(`  ${protocol.classes}`, line("clean ", accuracy, loss));
  if (data.choseCheckpoint) lines.push(`  ${CHOSEN_BY_IMAGES}`);
  lines.push(...describeRobustness(result));
  if (shapeBias !== undefined) {
    lines.push(
      `shape bias ${percent(shapeBias.shapeBias)}, texture bias ${percent(shapeBias.textureBias)}: of ${shapeBias.count} images ` +
        `whose shape and texture conflict, ${percent(shapeBias.shape)} are classified by shape and ${percent(shapeBias.texture)} by texture`,
    );
  }
  const worst = result.perClass.filter(({ count: own }) => own > 0).sort((a, b) => a.accuracy - b.accuracy);
  const shown = worst.slice(0, SHOWN_CLASSES);
  const these = worst.length > SHOWN_CLASSES ? `${SHOWN_CLASSES} of ${worst.length} classes` : "by class";
  lines.push(`balanced accuracy ${percent(balancedAccuracy)}; ${these}, the lowest first:`);
  const width = Math.max(...shown.map(({ name }) => printable(name).length));
  for (const { name, count: own, accuracy: share } of shown) {
    lines.push(`  ${printable(name).padEnd(width)}  ${percent(share).padStart(8)} of ${own}`);
  }
  const absent = result.perClass.filter(({ count: own }) => own === 0).map(({ name }) => name);
  if (absent.length > 0) lines.push(`  no images of ${listed(absent)}; the means leave these classes out`);
  return lines.join("\n");
}

/** What the reader must know about the images. */
function imageLines({ data, count }: EvaluationFile): string[] {
  const { split, trainedOn, validatedOn, leftOut = [], notes = [] } = data;
  return [...usedLines(count, split, { trainedOn, validatedOn }), ...notes, ...describeLeftOut(leftOut)];
}

/** The accuracy under the attack, one line for each attack of an ensemble; empty if there was no attack. */
export function describeRobustness({ count, attack, robustAccuracy, robustness }: EvaluationFile): string[] {
  if (attack === undefined || robustAccuracy === undefined || robustness === undefined) return [];
  const restarts = Number(attack.restarts) > 1 ? `${attack.restarts} runs, ` : "";
  const size = (distance: unknown) =>
    attack.norm === "l2" ? `${+Number(distance).toPrecision(6)}` : `${+(Number(distance) * 255).toFixed(2)}/255`;
  const ofSize = attack.stepSize === undefined ? "" : ` of ${size(attack.stepSize)}`;
  const steps = attack.steps === undefined ? "" : `${attack.steps} steps${ofSize}, `;
  const queries = attack.queries === undefined ? "" : `${attack.queries} queries, `;
  const target = attack.target === "random" ? "random target, " : "";
  const radius = attack.radius === undefined ? "" : `, counted within ${size(attack.radius)}`;
  const lines = [
    `robust accuracy ${percent(robustAccuracy)} of ${count} images (${attack.name}, ${attack.norm}, ${steps}${queries}${target}${restarts}epsilon ${size(attack.epsilon)}${radius})`,
  ];
  const width = Math.max(...robustness.attacks.map(({ name }) => name.length));
  for (const { name, attacked, broken, outside, accuracy, seconds } of robustness.attacks) {
    const cheated = outside === 0 ? "" : `, returned ${outside} images outside the ball`;
    lines.push(
      `  ${name.padEnd(width)}  broke ${broken} of ${attacked}${cheated}, accuracy after it ${percent(accuracy)}; ${duration(seconds)}`,
    );
  }
  return lines;
}
