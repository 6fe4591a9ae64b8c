/** One rank of bench/ranks.mjs. Prints what it measured as JSON. */
import { pgd } from "../dist/attacks/pgd.js";
import { linf } from "../dist/attacks/threat-model.js";
import { InMemoryDataset } from "../dist/data/datasets/dataset.js";
import { NORMALIZATIONS } from "../dist/models/classifier.js";
import { createClassifier } from "../dist/models/registry.js";
import { advPropStep } from "../dist/training/methods/advprop.js";
import { update } from "../dist/training/update.js";
import { rankedTraining } from "../test/support/ranked-training.mjs";

const SIDE = 32;
const WARM_UP = 3;
const { batchSize, steps, synchronized } = JSON.parse(process.argv[2]);
const images = batchSize * (steps + WARM_UP);
const dataset = new InMemoryDataset({
  name: "pattern",
  classes: Array.from({ length: 10 }, (_, k) => String(k)),
  height: SIDE,
  width: SIDE,
  labels: Int32Array.from({ length: images }, (_, i) => i % 10),
  pixels: Uint8Array.from({ length: images * SIDE * SIDE * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24),
});
const model = createClassifier("resnet20", {
  classes: dataset.classes,
  routes: ["aux"],
  imageSize: SIDE,
  normalization: NORMALIZATIONS.cifar10,
}).initialize(0);
const { group, gradients, optimizer, loader, statistics, ranks, forward } = rankedTraining({
  model,
  dataset,
  batchSize,
  seed: 0,
  crop: 4,
  synchronized,
});
const attack = pgd({ threatModel: linf(4 / 255), stepSize: 1 / 255, steps: 5, target: "random", randomStart: true });
const step = (batch) =>
  advPropStep({ model: forward, attack, gradients, labelSmoothing: 0, recompute: "first stage" }, batch);

let started = 0;
let before;
let done = 0;
for await (const pixels of loader.epoch(0, 0)) {
  if (done === WARM_UP) {
    started = performance.now();
    before = group?.stats();
  }
  update({ step, gradients, optimizer, statistics, ranks }, [pixels], {
    seed: 0,
    epoch: 0,
    step: done,
    rate: 0.01,
    saved: 0,
  });
  done += 1;
}
const ms = performance.now() - started;
const after = group?.stats();
group?.leave();
console.log(
  JSON.stringify({
    imagesPerSecond: (1000 * batchSize * steps) / ms,
    stepMs: ms / steps,
    ...(after && {
      reducedBytes: (after.bytes - before.bytes) / steps,
      sumMs: (1000 * (after.seconds - before.seconds)) / steps,
      waitMs: (1000 * (after.waited - before.waited)) / steps,
    }),
  }),
);
