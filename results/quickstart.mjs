// Repeats the quickstart with ten seeds: node results/quickstart.mjs [--product CHECKOUT] [--reverse]
//
// The results are written to results/quickstart/seed-N.json, and what is there is not trained again. `npm run results` puts their table
// into docs/quickstart.md.

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openProduct, processorKind } from "./product.mjs";
import { writeRun } from "./runs.mjs";

const SEEDS = Array.from({ length: 10 }, (_, seed) => seed);
const HERE = import.meta.dirname;
const { values } = parseArgs({
  options: { product: { type: "string" }, reverse: { type: "boolean", default: false } },
});
const { commit, load } = await openProduct(values.product ?? join(HERE, ".."));
const { TEST_NAMES, meanScore, trainAndMeasure } = await load("cli/quickstart/measure.js");

for (const seed of values.reverse ? SEEDS.toReversed() : SEEDS) {
  const file = join(HERE, "quickstart", `seed-${seed}.json`);
  if (existsSync(file)) continue;
  const measured = {};
  for (const method of ["vanilla", "advprop"]) {
    const run = join(HERE, "..", "runs", `quickstart-${method}-seed-${seed}-${process.pid}`);
    const { scores, seconds } = await trainAndMeasure(method, run, { seed, threads: 1 });
    measured[method] = { seconds, ...Object.fromEntries(TEST_NAMES.map((name) => [name, meanScore(scores[name])])) };
    rmSync(run, { recursive: true });
  }
  writeRun(file, { seed, commit, processor: processorKind(), ...measured });
  console.log(seed, measured);
}
