/** Every listed network as an ONNX file at a small size, and the accuracy of a published file as ONNX. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { exportModel } from "../../src/api/export/export-model.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier, modelNames } from "../../src/models/registry.js";
import { setThreads } from "../../src/tensor/index.js";
import { advprop } from "../support/cli.js";
import { testData } from "../support/data.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { checkOnnx, hasChecker } from "../support/onnx-checker.js";
import { randomNorms } from "../support/trained.js";

const folder = sharedTemporaryFolder();
const checked = hasChecker();

test.each(modelNames())("%s is exported and verified", async (name) => {
  setThreads(1);
  const weights = join(folder, "weights.safetensors");
  const file = join(folder, "model.onnx");
  // Halving 33 gives odd and even sizes, so that 'SAME' pads differently from stage to stage.
  const model = createClassifier(name, { classes: ["x", "y", "z"], imageSize: 33 }).initialize(0);
  exportWeights(randomNorms(model), weights, { auxiliary: false });
  model.dispose();
  const result = await exportModel(weights, file);
  if (result.format !== "onnx") throw new Error("it is ONNX");
  expect(result.verification.images).toBe(8);
  if (checked) expect(checkOnnx([file])).toBe("");
  rmSync(file);
});

const published = testData("weights/resnet20-12fca82f.th");
const cifar = testData("cifar10");
const BLOCK = fileURLToPath(new URL("../support/block-addon.cjs", import.meta.url));

describe.skipIf(published === undefined || cifar === undefined)("resnet20-12fca82f.th", () => {
  test("classifies 9173 of CIFAR-10's 10000 test images correctly as an ONNX file, without libtorch", async () => {
    const file = join(temporaryFolder(), "resnet20.onnx");
    await exportModel(published as string, file);
    const { status, stdout, stderr } = advprop(["evaluate", file, "--data", cifar as string, "--json", "--quiet"], {
      NODE_OPTIONS: `--require ${BLOCK}`,
    });
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ accuracy: 0.9173, count: 10000, model: { kind: "onnx" } });
  });
});
