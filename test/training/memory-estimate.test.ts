/** Compares the estimated memory of an update with the real one. */
import { describe, expect, test } from "vitest";
import { trainingLoader } from "../../src/data/loading/loader.js";
import { openInMemory } from "../../src/data/open-data.js";
import { toSafetensor } from "../../src/models/weights.js";
import { buildLearner, settleBatchSize } from "../../src/recipes/build/build.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";
import {
  memoryStats,
  releaseCachedMemory,
  resetPeakMemory,
  setMemoryLimit,
  type Tensor,
} from "../../src/tensor/index.js";
import { automaticBatch, bytesFor, checkMemory, estimateMemory } from "../../src/training/memory-estimate.js";
import { update } from "../../src/training/update.js";
import { makeDataset } from "../support/datasets.js";
import { codedError } from "../support/errors.js";
import { fingerprint } from "../support/training.js";

const BATCH = 64;
const dataset = makeDataset({ length: 2 * BATCH, classes: 3, height: 32, width: 32 });
const data = openInMemory({ train: dataset }, { seed: 0, augmentation: { crop: 0, flip: false } });
const learnerOf = (recipe: Recipe) => buildLearner(resolveRecipe(recipe), data);
const bytesOf = (state: ReadonlyMap<string, Tensor>) =>
  Array.from(state, ([name, tensor]) => [name, Buffer.from(toSafetensor(tensor).data).toString("base64")]);

test.each<[string, Recipe, number]>([
  ["vanilla", { method: "vanilla" }, 1],
  ["vanilla, accumulated", { method: "vanilla" }, 2],
  ["AdvProp with an average", { training: { averageDecay: 0.99 }, attack: { steps: 1 } }, 1],
  ["mixture with AdamW", { method: "mixture", optimizer: { name: "adamw" }, attack: { steps: 1 } }, 1],
])(
  "of %s is within a tenth of the memory of a larger batch, and measuring changes nothing",
  async (_name, recipe, accumulationSteps) => {
    const learner = await learnerOf(recipe);
    const before = [fingerprint(learner.model), bytesOf(learner.optimizer.state())];
    const { liveTensors } = memoryStats();
    const estimate = estimateMemory(learner, { side: 32, accumulationSteps });
    expect([fingerprint(learner.model), bytesOf(learner.optimizer.state())]).toEqual(before);
    expect(memoryStats().liveTensors).toBe(liveTensors);

    const augmentation = { crop: 0, flip: false };
    const batches = [];
    for await (const batch of trainingLoader(dataset, { batchSize: BATCH, seed: 0, augmentation }).epoch(0, 0))
      batches.push(batch);
    releaseCachedMemory();
    resetPeakMemory();
    update(learner, batches.slice(0, accumulationSteps), { seed: 0, epoch: 0, step: 0, rate: 0.1, saved: 0 });
    const { peakBytes } = memoryStats();
    expect(bytesFor(estimate, BATCH) / peakBytes).toBeGreaterThan(0.9);
    expect(bytesFor(estimate, BATCH) / peakBytes).toBeLessThan(1.1);
  },
);

describe("the choice of a batch size", () => {
  const estimate = { fixedBytes: 1e9, bytesPerImage: 1e7 };

  test.each([
    // 0.85 * 2.8e9 is 1.38e9 more than the fixed part: 138 images.
    [2.8e9, 50_000, 128, 128, 1],
    [2.8e9, 50_000, 256, 128, 2],
    [2.8e9, 50_000, 2048, 128, 16],
    [100e9, 50_000, 128, 128, 1],
    [100e9, 50_000, 2048, 256, 8],
    [2.8e9, 50_000, 300, 75, 4],
    [100e9, 100, 128, 64, 1],
    [1.3e9, 50_000, 128, 8, 16],
  ])("of %d bytes, %i images and an update of %i it takes %i, %i times", (available, images, update, size, times) => {
    expect(automaticBatch(estimate, available, images, update)).toEqual({ batchSize: size, accumulationSteps: times });
  });

  test("refuses a batch that does not fit, and says which size would", () => {
    checkMemory(estimate, 100, 2e9);
    const error = codedError(() => checkMemory(estimate, 128, 2e9));
    expect(error).toMatchObject({ code: "ERR_MEMORY", exitCode: 2 });
    expect(error.message).toContain(
      "a batch of 128 images needs about 2.28 GB of memory, but only 2.00 GB are available. Use a batch of at most 100",
    );
    const hopeless = codedError(() => automaticBatch(estimate, 1e9, 1000, 128));
    expect(hopeless.code).toBe("ERR_MEMORY");
    expect(hopeless.message).toContain("Use a smaller model or smaller images");
  });

  test("a recipe's automatic size becomes a number, and one that is too large is refused", async () => {
    try {
      setMemoryLimit(20e9);
      const automatic = resolveRecipe({ method: "vanilla", training: { batchSize: "auto" } });
      const { recipe } = settleBatchSize(automatic, await buildLearner(automatic, data), data);
      expect(recipe.training).toMatchObject({ batchSize: 128, accumulationSteps: 1 });
      expect(recipe.optimizer.lr).toBe(automatic.optimizer.lr);
      setMemoryLimit(memoryStats().reservedBytes + 300e6);
      const large = resolveRecipe({ method: "vanilla", training: { batchSize: 100_000 } });
      const learner = await buildLearner(large, data);
      const error = codedError(() => settleBatchSize(large, learner, data));
      expect(error.code).toBe("ERR_MEMORY");
    } finally {
      setMemoryLimit();
    }
  });

  test("an update keeps the recipe's number of images if there are enough; otherwise the rate is scaled", async () => {
    const automatic = resolveRecipe({
      method: "vanilla",
      training: { batchSize: "auto", accumulationSteps: 4 },
      optimizer: { lr: 0.2 },
    });
    const learner = await buildLearner(automatic, data);
    const kept = settleBatchSize(automatic, learner, data, 16).recipe;
    expect(kept.training.batchSize * kept.training.accumulationSteps).toBe(64);
    expect(kept.optimizer.lr).toBe(0.2);
    // An update should have 512 images, but there are only 128.
    const fewer = settleBatchSize(automatic, learner, data).recipe;
    expect(fewer.training.batchSize * fewer.training.accumulationSteps).toBe(128);
    expect(fewer.optimizer.lr).toBe(0.05);
  });
});
