#!/usr/bin/env node
/**
 * The quickstart trains the same small network on the built-in set by vanilla training and by AdvProp, with the same seed and
 * epochs. It measures both on clean, corrupted, stylised and attacked images. Run it by `npm run quickstart`.
 *
 * In the first pair of trainings the texture misleads: 90 % of the training images have the texture of their class, but the
 * textures of the test images are random. In the second pair the textures of the training images are random too. The size of the
 * network, the number of epochs and the strength of the attack were chosen on the validation images (docs/quickstart.md).
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { train } from "../../api/training/train.js";
import { pairedDifference } from "../../evaluation/statistics/bootstrap.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { writeFileAtomic } from "../../runs/atomic-file.js";
import { defaultRunPath, writeJson } from "../../runs/run-directory.js";
import { duration } from "../../runs/wording.js";
import { TrainingReport } from "../output/training-report.js";
import { drawQuickstart } from "./figure.js";
import { adversarialExamples, curveOf, type Measured, measure, TESTS, type TestName } from "./measure.js";
import { EPSILON, quickstartRecipe } from "./recipe.js";

const CORRELATIONS = [0.9, 0];
const METHODS = ["vanilla", "advprop"] as const;
const LOOK = { vanilla: { name: "vanilla", colour: "#8a8a8a" }, advprop: { name: "AdvProp", colour: "#1f6fb4" } };

const started = performance.now();
const folder = defaultRunPath("quickstart", "shapes", new Date());
mkdirSync(folder, { recursive: true });
console.log(
  `The quickstart trains four small networks, which takes a few minutes. All files are written to ${folder}.`,
);

const results: { correlation: number; vanilla: Measured; advprop: Measured }[] = [];
for (const correlation of CORRELATIONS) {
  const [vanilla, advprop] = [
    await trainAndMeasure("vanilla", correlation),
    await trainAndMeasure("advprop", correlation),
  ];
  results.push({ correlation, vanilla, advprop });
}
console.log(`\n${table()}\n`);
await save();
console.log(
  `The quickstart took ${duration((performance.now() - started) / 1000)}. The picture: ${join(folder, "quickstart.png")}`,
);
console.log(
  "\nTo train on your own photos, put each class into its own folder:\n\n    npx advprop train --data PATH --weights hf:timm/tf_efficientnet_lite0.in1k\n",
);

/** One training, with its own run folder, and its tests. */
async function trainAndMeasure(method: (typeof METHODS)[number], correlation: number): Promise<Measured> {
  const path = runPath(method, correlation);
  const recipe = resolveRecipe(quickstartRecipe(method, correlation));
  console.log(`\n${LOOK[method].name}, textureCorrelation ${correlation}`);
  const from = performance.now();
  const report = new TrainingReport(false);
  await train(quickstartRecipe(method, correlation), { run: path, onEvent: (event) => report.show(event) });
  const seconds = (performance.now() - from) / 1000;
  return { ...(await measure(recipe, path)), seconds };
}

function runPath(method: string, correlation: number): string {
  return join(folder, correlation === CORRELATIONS[0] ? method : `${method}-correlation-${correlation}`);
}

/** The results as a table: accuracies in percent, with the difference and its 95 % interval over test images. */
function table(): string {
  const percent = (share: number) => (100 * share).toFixed(1);
  const signed = (share: number) => `${share < 0 ? "-" : "+"}${percent(Math.abs(share))}`;
  const row = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(40) : cell.padStart(i === 3 ? 26 : 10))).join("");
  const lines = [row(["accuracy in percent", "vanilla", "AdvProp", "difference (95 %)"])];
  for (const { correlation, vanilla, advprop } of results) {
    lines.push(`textureCorrelation ${correlation} in training`);
    for (const name of Object.keys(TESTS) as TestName[]) {
      const [a, b] = [vanilla.scores[name], advprop.scores[name]];
      const { value, low, high } = pairedDifference(a, b, 0);
      const mean = (scores: Float64Array) => percent(scores.reduce((total, score) => total + score, 0) / scores.length);
      lines.push(row([`  ${TESTS[name]}`, mean(a), mean(b), `${signed(value)} (${signed(low)} .. ${signed(high)})`]));
    }
    lines.push(row(["  seconds to train", vanilla.seconds.toFixed(0), advprop.seconds.toFixed(0), ""]));
  }
  const [{ vanilla, advprop }] = results;
  lines.push(row(["forward-backward units per step", vanilla.units.toFixed(2), advprop.units.toFixed(2), ""]));
  lines.push(verdict());
  return lines.join("\n");
}

/** The tests in which AdvProp is better, worse, or not clearly different, by the 95 % intervals. */
function verdict(): string {
  const outcomes = { better: [] as string[], worse: [] as string[], unclear: [] as string[] };
  for (const { correlation, vanilla, advprop } of results) {
    for (const name of Object.keys(TESTS) as TestName[]) {
      const { low, high } = pairedDifference(vanilla.scores[name], advprop.scores[name], 0);
      outcomes[low > 0 ? "better" : high < 0 ? "worse" : "unclear"].push(`${name} (correlation ${correlation})`);
    }
  }
  const list = (names: readonly string[]) => (names.length === 0 ? "none" : names.join(", "));
  return `AdvProp is better on: ${list(outcomes.better)}. Worse on: ${list(outcomes.worse)}. No clear difference on: ${list(outcomes.unclear)}. Each training has one seed.`;
}

/** The numbers as JSON, and the picture of the first pair. */
async function save(): Promise<void> {
  const plain = ({ scores, seconds, units }: Measured) => ({
    seconds,
    units,
    accuracy: Object.fromEntries(
      Object.entries(scores).map(([name, values]) => [
        name,
        values.reduce((total, value) => total + value, 0) / values.length,
      ]),
    ),
  });
  const numbers = results.map(({ correlation, vanilla, advprop }) => ({
    correlation,
    vanilla: plain(vanilla),
    advprop: plain(advprop),
  }));
  writeJson(join(folder, "quickstart.json"), { results: numbers });
  const curves = METHODS.map((method) => ({ ...LOOK[method], ...curveOf(runPath(method, CORRELATIONS[0])) }));
  const recipe = resolveRecipe(quickstartRecipe("advprop", CORRELATIONS[0]));
  const examples = await adversarialExamples(recipe, runPath("advprop", CORRELATIONS[0]));
  const epsilon = `${Math.round(EPSILON * 255)}/255`;
  writeFileAtomic(join(folder, "quickstart.png"), await drawQuickstart(curves, examples, 32, epsilon));
}
