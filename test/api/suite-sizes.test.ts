/** A suite of models with small and with large images measures all of them on the same images. */
import { expect, test } from "vitest";
import { openBenchmark } from "../../src/api/evaluation/benchmark.js";
import { SHAPES_CLASSES } from "../../src/data/shapes/shapes.js";
import type { BlackBoxPredictor } from "../../src/predictors/opened.js";

/** A model without a run. Its file is only digested. */
const modelOf = (imageSize: number): BlackBoxPredictor => ({
  name: `model at ${imageSize}`,
  file: import.meta.filename,
  run: undefined,
  notes: [],
  view: { cropFraction: 1 } as BlackBoxPredictor["view"],
  viewRecorded: true,
  access: "black-box",
  format: {
    ...{ name: "images", type: "float32", layout: "NCHW", batch: undefined, imageSize },
    ...{ mean: [0, 0, 0], std: [1, 1, 1], pixelRange: "0-1", channels: "RGB" },
  },
  output: "logits",
  classes: SHAPES_CLASSES,
  imageSize,
  logits: async () => new Float32Array(),
  close: async () => {},
});

async function measuredImages(own: BlackBoxPredictor, all: readonly BlackBoxPredictor[]) {
  const machine = { workers: null, badImages: {}, precision: "fp32", seed: 0 } as const;
  const benchmark = await openBenchmark(
    { data: "shapes", parts: ["attacked"], ...machine },
    [own],
    all,
    ({ name }) => name,
  );
  const [attack] = benchmark.conditions;
  return { images: benchmark.images.labels.length, attacked: Array.from(attack.indices!), lines: benchmark.protocol };
}

test("the largest image size of all models decides the numbers of images", async () => {
  const [small, large] = [modelOf(32), modelOf(96)];
  const together = await measuredImages(small, [small, large]);
  const other = await measuredImages(large, [small, large]);
  expect(together.images).toBe(other.images);
  expect(together.attacked).toHaveLength(200);
  expect(together.attacked).toEqual(other.attacked);
  expect(together.lines).toEqual(other.lines);
  expect((await measuredImages(small, [small])).attacked.length).toBeGreaterThan(200);
});
