#!/usr/bin/env node
/**
 * The quickstart trains the same small network on the built-in set by vanilla training and by AdvProp, with the same images, seed and
 * epochs. It measures both on clean, corrupted, stylised and attacked images. Run it by `npm run quickstart`. docs/quickstart.md says
 * how its settings were chosen, and what it gives with ten seeds.
 */
import { join } from "node:path";
import { pairedDifference } from "../../evaluation/statistics/bootstrap.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { makeFolder, writeFileAtomic } from "../../runs/atomic-file.js";
import { defaultRunPath, writeJson } from "../../runs/run-directory.js";
import { duration } from "../../runs/wording.js";
import { TrainingReport } from "../output/training-report.js";
import { drawQuickstart } from "./figure.js";
import {
  adversarialExamples,
  curveOf,
  type Measured,
  meanScore,
  TEST_NAMES,
  TESTS,
  trainAndMeasure,
} from "./measure.js";
import { EPSILON, type QuickstartMethod, quickstartRecipe } from "./recipe.js";

const METHODS = ["vanilla", "advprop"] as const;
const LOOK = { vanilla: { name: "vanilla", colour: "#8a8a8a" }, advprop: { name: "AdvProp", colour: "#1f6fb4" } };

const started = performance.now();
const folder = defaultRunPath("quickstart", "shapes", new Date());
makeFolder(folder);
console.log(`The quickstart trains two small networks, which takes a few minutes. All files are written to ${folder}.`);

const measured = { vanilla: await trained("vanilla"), advprop: await trained("advprop") };
console.log(`\n${table()}\n`);
await save();
console.log(
  `The quickstart took ${duration((performance.now() - started) / 1000)}. The picture: ${join(folder, "quickstart.png")}`,
);
console.log(
  "\nTo train on your own photos, put each class into its own folder:\n\n    npx advprop train --data PATH --weights hf:timm/tf_efficientnet_lite0.in1k\n",
);

/** One training, with its own run folder, and its tests. */
async function trained(method: QuickstartMethod): Promise<Measured> {
  console.log(`\n${LOOK[method].name}`);
  const report = new TrainingReport(false);
  return trainAndMeasure(method, join(folder, method), { onEvent: (event) => report.show(event) });
}

/** The results as a table: accuracies in percent, with the difference and its 95 % interval over test images. */
function table(): string {
  const percent = (share: number) => (100 * share).toFixed(1);
  const signed = (share: number) => `${share < 0 ? "-" : "+"}${percent(Math.abs(share))}`;
  const row = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(40) : cell.padStart(i === 3 ? 26 : 10))).join("");
  const lines = [row(["accuracy in percent", "vanilla", "AdvProp", "difference (95 %)"])];
  const { vanilla, advprop } = measured;
  for (const name of TEST_NAMES) {
    const [a, b] = [vanilla.scores[name], advprop.scores[name]];
    const { value, low, high } = pairedDifference(a, b, 0);
    const interval = `${signed(value)} (${signed(low)} .. ${signed(high)})`;
    lines.push(row([TESTS[name], percent(meanScore(a)), percent(meanScore(b)), interval]));
  }
  lines.push(row(["seconds to train", vanilla.seconds.toFixed(0), advprop.seconds.toFixed(0), ""]));
  lines.push(row(["forward-backward units per step", vanilla.units.toFixed(2), advprop.units.toFixed(2), ""]));
  lines.push(verdict());
  return lines.join("\n");
}

/** The tests in which AdvProp is better, worse, or not clearly different, by the 95 % intervals. */
function verdict(): string {
  const outcomes = { better: [] as string[], worse: [] as string[], unclear: [] as string[] };
  for (const name of TEST_NAMES) {
    const { low, high } = pairedDifference(measured.vanilla.scores[name], measured.advprop.scores[name], 0);
    outcomes[low > 0 ? "better" : high < 0 ? "worse" : "unclear"].push(name);
  }
  const list = (names: readonly string[]) => (names.length === 0 ? "none" : names.join(", "));
  return `AdvProp is better on: ${list(outcomes.better)}. Worse on: ${list(outcomes.worse)}. No clear difference on: ${list(outcomes.unclear)}. Each training has one seed.`;
}

/** The numbers as JSON, and the picture. */
async function save(): Promise<void> {
  const plain = ({ scores, seconds, units }: Measured) => ({
    seconds,
    units,
    accuracy: Object.fromEntries(TEST_NAMES.map((name) => [name, meanScore(scores[name])])),
  });
  writeJson(join(folder, "quickstart.json"), { vanilla: plain(measured.vanilla), advprop: plain(measured.advprop) });
  const curves = METHODS.map((method) => ({ ...LOOK[method], ...curveOf(join(folder, method)) }));
  const examples = await adversarialExamples(resolveRecipe(quickstartRecipe("advprop")), join(folder, "advprop"));
  const epsilon = `${Math.round(EPSILON * 255)}/255`;
  writeFileAtomic(join(folder, "quickstart.png"), await drawQuickstart(curves, examples, 32, epsilon));
}
