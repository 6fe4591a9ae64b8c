/**
 * AdvProp updates on a GPU as one CUDA graph against the same operator by operator, in turns within one run.
 *
 *     npm run build && node bench/cuda-graph.mjs [--device cuda] [--rounds 11]
 *
 * Milliseconds, medians. Pixels are uploaded in each update.
 */
import { parseArgs } from "node:util";
import { median } from "../dist/cli/bench/measure.js";
import { benchRecipe } from "../dist/cli/bench/recipe.js";
import { architecture } from "../dist/models/registry.js";
import { BatchNorm } from "../dist/nn/routed-batch-norm.js";
import { buildLearner } from "../dist/recipes/build/build.js";
import { update } from "../dist/training/update.js";

const { values } = parseArgs({
  options: { device: { type: "string", default: "cuda" }, rounds: { type: "string", default: "11" } },
});

for (const [model, count, side] of [
  ["resnet20", 128, 32],
  ["resnet18-cifar", 64, 32],
  ["efficientnet-b0", 32, 224],
]) {
  const { classes } = architecture(model);
  const batch = {
    pixels: Uint8Array.from({ length: count * side * side * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24),
    labels: Int32Array.from({ length: count }, (_, i) => i % classes),
    samples: Uint32Array.from({ length: count }, (_, i) => i),
    height: side,
    width: side,
  };
  const recipe = benchRecipe({
    model,
    batchSize: String(count),
    attackSteps: "5",
    precision: "bf16",
    device: values.device,
  });
  const names = Array.from({ length: classes }, (_, i) => `class ${i}`);
  const learner = await buildLearner(recipe, { classes: names, imageSize: side, preview: async () => batch });
  // As later in a training: before, the statistics' factor changes from step to step, and no graph is captured.
  for (const [, module] of learner.model.network.namedModules()) if (module instanceof BatchNorm) module.count(1000);
  let step = 0;
  const time = (parts) => {
    const start = performance.now();
    update(parts, [batch], { seed: 0, epoch: 0, step, rate: 1e-3, saved: 0 });
    step += 1;
    return performance.now() - start;
  };
  const plain = { ...learner, captured: undefined };
  for (let warmUp = 0; warmUp < 3; warmUp++) for (const parts of [learner, plain]) time(parts);
  const rounds = Array.from({ length: Number(values.rounds) }, () => [time(learner), time(plain)]);
  const [graph, operators] = [0, 1].map((i) => median(rounds.map((times) => times[i])).toFixed(1));
  console.log(`${model}, ${count} images of ${side} px: ${graph} ms as a graph, ${operators} ms by operators`);
}
