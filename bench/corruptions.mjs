/**
 * How fast the corruptions are.
 *
 *     npm run build && node bench/corruptions.mjs [side ...]      (default: 32 224)
 *     npm run build && node bench/corruptions.mjs suite [workers] (default: 2)
 *
 * By side: images per second of processor time of every corruption on one core, mean over the five severities, of the suite of
 * fifteen, and its slowest. `suite`: the fifteen at five severities over 10,000 images of 32 pixels, written as arrays by
 * worker threads: the wall clock (on a quiet machine), and the processor time over the workers, which other programs hardly change.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CORRUPTIONS, corrupt, EXTRA_CORRUPTIONS, SEVERITIES } from "../dist/corruptions/index.js";
import { writeCorruptedSet } from "../dist/corruptions/sets/write-set.js";
import { shapesDataset } from "../dist/data/shapes/shapes.js";
import { sourceOfDataset } from "../dist/data/writing/source-images.js";

const [first, second] = process.argv.slice(2);
if (first === "suite") await measureSuite(Number(second ?? 2));
else for (const side of first === undefined ? [32, 224] : process.argv.slice(2).map(Number)) measureEach(side);

function measureEach(side) {
  const dataset = shapesDataset({ split: "test", count: 20, size: side, seed: 0 });
  const budgetMs = side <= 64 ? 300 : 1500;
  const found = [];
  console.log(`${side} x ${side}`);
  for (const name of [...CORRUPTIONS, ...EXTRA_CORRUPTIONS]) {
    // Once unmeasured: code is compiled and textures are made.
    for (const severity of SEVERITIES) corrupt(dataset.pixels(0), side, side, name, severity, { seed: 0, sample: 0 });
    let images = 0;
    const until = performance.now() + budgetMs;
    const start = process.cpuUsage();
    while (performance.now() < until || images % SEVERITIES.length !== 0) {
      const sample = images % dataset.length;
      const severity = SEVERITIES[images % SEVERITIES.length];
      corrupt(dataset.pixels(sample), side, side, name, severity, { seed: 0, sample });
      images++;
    }
    const { user, system } = process.cpuUsage(start);
    const ms = (user + system) / 1000 / images;
    if (CORRUPTIONS.includes(name)) found.push({ name, ms });
    report(name, ms);
  }
  report("mean of the 15", found.reduce((sum, { ms }) => sum + ms, 0) / found.length);
  const slowest = found.reduce((most, one) => (one.ms > most.ms ? one : most));
  report(`slowest: ${slowest.name}`, slowest.ms);
}

function report(what, ms) {
  console.log(`  ${what.padEnd(26)} ${(1000 / ms).toFixed(0).padStart(7)} images/s  ${ms.toFixed(3)} ms`);
}

async function measureSuite(workers) {
  const source = sourceOfDataset(shapesDataset({ split: "test", count: 10_000, size: 32, seed: 0 }), {
    part: "test",
    seed: 0,
  });
  const to = mkdtempSync(join(tmpdir(), "advprop-bench-"));
  try {
    const start = process.cpuUsage();
    const from = performance.now();
    await writeCorruptedSet(source, { to, seed: 0, workers });
    const seconds = (performance.now() - from) / 1000;
    const { user, system } = process.cpuUsage(start);
    const busy = (user + system) / 1e6 / workers;
    console.log(`15 corruptions x 5 severities x 10,000 images of 32 x 32, ${workers} workers`);
    console.log(`  ${seconds.toFixed(1)} s by the clock, ${busy.toFixed(1)} s of processor time for each worker`);
  } finally {
    rmSync(to, { recursive: true });
  }
}
