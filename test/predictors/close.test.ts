/** A classifier that is closed leaves nothing behind. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { openPredictor } from "../../src/predictors/open.js";
import { memoryStats } from "../../src/tensor/index.js";
import { makeDataset } from "../support/datasets.js";
import { codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";

// 1x1 convolutions, such as this network's first shortcut, keep packed weights beside the parameters.
const [MODEL, SIDE] = ["wide-resnet-10-2", 8];

function writeWeights(): string {
  const model = createClassifier(MODEL, { classes: ["a", "b"], routes: ["aux"], imageSize: SIDE }).initialize(1);
  const path = join(temporaryFolder(), "weights.safetensors");
  exportWeights(model, path, { auxiliary: true });
  model.dispose();
  return path;
}

const live = () => {
  const { liveTensors, liveBytes } = memoryStats();
  return { liveTensors, liveBytes };
};

test("opening, using and closing ten times does not change the live tensors and bytes", async () => {
  const before = live();
  const path = writeWeights();
  expect(live()).toEqual(before);
  const [batch] = evaluationBatches(makeDataset({ length: 4, classes: 2, height: SIDE, width: SIDE }), 4);
  for (let i = 0; i < 10; i++) {
    const predictor = await openPredictor(path, { threads: 1 });
    await predictor.logits(batch);
    expect(live().liveBytes).toBeGreaterThan(before.liveBytes);
    await predictor.close();
    expect(live()).toEqual(before);
  }
});

test("a refused model leaves nothing behind either", async () => {
  const path = writeWeights();
  const before = live();
  expect((await codedRejection(openPredictor(path, { route: "other" }))).code).toBe("ERR_ROUTE");
  expect(live()).toEqual(before);
});
