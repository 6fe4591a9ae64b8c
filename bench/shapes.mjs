/**
 * Images per second that the built-in set is drawn at on one core.
 *
 *     npm run build && node bench/shapes.mjs [side ...]      (default: 32 64 128 224)
 */

import { shapesDataset } from "../dist/data/shapes.js";

const sides = process.argv.slice(2).map(Number);
for (const size of sides.length > 0 ? sides : [32, 64, 128, 224]) {
  const count = Math.ceil(8_000_000 / size ** 2);
  // Once unmeasured, so that the code is compiled.
  shapesDataset({ split: "validation", count, size, seed: 0 });
  const start = performance.now();
  shapesDataset({ split: "train", count, size, seed: 0 });
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${size} x ${size}: ${(count / seconds).toFixed(0)} images/s (${count} images in ${seconds.toFixed(2)} s)`,
  );
}
