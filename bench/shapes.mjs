/**
 * Images that the built-in set is drawn at per second of processor time on one core.
 *
 *     npm run build && node bench/shapes.mjs [side ...]      (default: 32 64 128 224)
 */

import { shapesDataset } from "../dist/data/shapes/shapes.js";

const sides = process.argv.slice(2).map(Number);
for (const size of sides.length > 0 ? sides : [32, 64, 128, 224]) {
  const count = Math.ceil(8_000_000 / size ** 2);
  // Once unmeasured, so that the code is compiled.
  shapesDataset({ split: "validation", count, size, seed: 0 });
  const start = process.cpuUsage();
  shapesDataset({ split: "train", count, size, seed: 0 });
  const { user, system } = process.cpuUsage(start);
  const seconds = (user + system) / 1e6;
  console.log(
    `${size} x ${size}: ${(count / seconds).toFixed(0)} images/s (${count} images in ${seconds.toFixed(2)} s)`,
  );
}
