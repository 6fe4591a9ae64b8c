/**
 * Images per second of processor time of every corruption on one core, mean over the five severities, and of the suite of fifteen.
 *
 *     npm run build && node bench/corruptions.mjs [side ...]      (default: 32 224)
 */

import { CORRUPTIONS, corrupt, EXTRA_CORRUPTIONS, SEVERITIES } from "../dist/corruptions/index.js";
import { shapesDataset } from "../dist/data/shapes.js";

const sides = process.argv.slice(2).map(Number);
for (const side of sides.length > 0 ? sides : [32, 224]) {
  const dataset = shapesDataset({ split: "test", count: 20, size: side, seed: 0 });
  const budgetMs = side <= 64 ? 300 : 1500;
  let suiteMs = 0;
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
    if (CORRUPTIONS.includes(name)) suiteMs += ms / CORRUPTIONS.length;
    console.log(`  ${name.padEnd(18)} ${(1000 / ms).toFixed(0).padStart(7)} images/s  ${ms.toFixed(3)} ms`);
  }
  console.log(
    `  ${"mean of the 15".padEnd(18)} ${(1000 / suiteMs).toFixed(0).padStart(7)} images/s  ${suiteMs.toFixed(3)} ms`,
  );
}
