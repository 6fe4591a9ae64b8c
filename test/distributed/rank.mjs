// One rank of a small training on noise images in float64, or the whole of it by one process. Prints what it came to as JSON.
// Settings: SETTINGS, as JSON; the group as torchrun says it, in the environment.
import { createHash } from "node:crypto";
import { pgd } from "../../dist/attacks/pgd.js";
import { linf } from "../../dist/attacks/threat-model.js";
import { InMemoryDataset } from "../../dist/data/datasets/dataset.js";
import { NORMALIZATIONS } from "../../dist/models/classifier.js";
import { createClassifier } from "../../dist/models/registry.js";
import { KeyedRandom, Purpose } from "../../dist/random.js";
import { advPropStep } from "../../dist/training/methods/advprop.js";
import { vanillaStep } from "../../dist/training/methods/vanilla.js";
import { update } from "../../dist/training/update.js";
import { rankedTraining } from "../support/ranked-training.mjs";

const { method, model: name, synchronized, steps, batchSize, side } = JSON.parse(process.env.SETTINGS);

const images = 3 * batchSize;
const random = new KeyedRandom(1, Purpose.synthesis);
const dataset = new InMemoryDataset({
  name: "noise",
  classes: ["a", "b", "c"],
  height: side,
  width: side,
  labels: Int32Array.from({ length: images }, (_, i) => i % 3),
  pixels: Uint8Array.from({ length: images * side * side * 3 }, (_, i) => random.uint32(i) >>> 24),
});
const model = createClassifier(name, {
  classes: dataset.classes,
  routes: method === "advprop" ? ["aux"] : [],
  imageSize: side,
  normalization: NORMALIZATIONS.half,
}).initialize(3, "float64");
const { group, gradients, optimizer, loader, statistics, ranks, forward } = rankedTraining({
  model,
  dataset,
  batchSize,
  seed: 2,
  crop: 1,
  synchronized,
});
const attack = pgd({ threatModel: linf(4 / 255), stepSize: 2 / 255, steps: 2, target: "random", randomStart: true });
const parts = { model: forward, attack, gradients, labelSmoothing: 0.1 };
const makeStep = method === "advprop" ? advPropStep : vanillaStep;

const values = (tensors) => tensors.flatMap((tensor) => tensor.toNumbers());
const running = () => values([...statistics.values()]);
const own = [];
const step = (batch) => {
  const losses = makeStep(parts, batch);
  own.push(running());
  return losses;
};
const hashes = [];
const losses = [];
const means = [];
for (let done = 0; done < steps; ) {
  const epoch = Math.floor(done / loader.stepsPerEpoch);
  for await (const pixels of loader.epoch(epoch, done % loader.stepsPerEpoch)) {
    const context = { seed: 2, epoch, step: done, rate: 0.05, saved: 0 };
    const { metrics } = update({ step, gradients, optimizer, statistics, ranks }, [pixels], context);
    losses.push(metrics);
    means.push(running());
    const state = values(model.parameters.map(({ data }) => data));
    hashes.push(createHash("sha256").update(Float64Array.from(state)).digest("hex"));
    if (++done === steps) break;
  }
}
const parameters = values(model.parameters.map(({ data }) => data));
const stats = group?.stats();
group?.leave();
console.log(JSON.stringify({ losses, hashes, own, means, parameters, statistics: running(), stats }));
