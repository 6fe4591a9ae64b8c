/** The export of weights to a verified ONNX file, and what happens if the verification fails. */
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { exportModel } from "../../src/api/export/export-model.js";
import { foldNorms } from "../../src/export/onnx-fold.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { openPredictor } from "../../src/predictors/open.js";
import { setThreads } from "../../src/tensor/index.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { noiseImages, trainTenSteps } from "../support/trained.js";

// The real folding, unless a test replaces it by a wrong one.
vi.mock("../../src/export/onnx-fold.js", async (original) => {
  const module = await original<typeof import("../../src/export/onnx-fold.js")>();
  return { ...module, foldNorms: vi.fn(module.foldNorms) };
});

const CLASSES = ["x", "y", "z"];
const folder = sharedTemporaryFolder();
const weights = join(folder, "weights.safetensors");
const file = join(folder, "model.onnx");

beforeAll(() => {
  setThreads(1);
  const model = trainTenSteps(createClassifier("resnet8", { classes: CLASSES, imageSize: 32 }).initialize(0));
  exportWeights(model, weights, { auxiliary: false });
  model.dispose();
});

test("the written file was run by ONNX Runtime in another process, and gives the model's logits", async () => {
  const result = await exportModel(weights, file);
  expect(result).toMatchObject({
    format: "onnx",
    file,
    from: weights,
    model: "resnet8",
    bytes: readFileSync(file).length,
  });
  if (result.format !== "onnx") throw new Error("it is ONNX");
  expect(result.verification).toMatchObject({ images: 8, of: "the built-in set shapes" });
  expect(result.verification.difference).toBeLessThan(1e-5);
  const [own, onnx] = await Promise.all([weights, file].map((path) => openPredictor(path)));
  const images = noiseImages(4, 32);
  const [a, b] = [await own.logits(images), await onnx.logits(images)];
  for (const [i, logit] of a.entries()) expect(b[i]).toBeCloseTo(logit, 4);
  expect(onnx).toMatchObject({ classes: CLASSES, imageSize: 32, view: own.view, viewRecorded: true, output: "logits" });
  await Promise.all([own.close(), onnx.close()]);
});

test("has the given size, with padding and strides for that size", async () => {
  const result = await exportModel(weights, join(folder, "model-45.onnx"), {
    format: "onnx",
    imageSize: 45,
    softmax: true,
  });
  expect(result.preprocessing).toMatchObject({ imageSize: 45, output: "probabilities" });
});

test("a file that does not give the model's logits is removed, and an earlier file stays", async () => {
  writeFileSync(file, "an earlier file");
  const before = readdirSync(folder).sort();
  vi.mocked(foldNorms).mockImplementationOnce((graph) => {
    const { shape, values } = graph.constants.get("layer2.0.bn1.weight")!;
    graph.constant(
      "layer2.0.bn1.weight",
      shape,
      values.map((scale) => 1.01 * scale),
    );
  });
  const { code, message } = await codedRejection(exportModel(weights, file));
  expect(code).toBe("ERR_EXPORT_VERIFY");
  expect(message).toMatch(/the logits of the built-in set shapes differ by up to \d\.\de-\d of the largest/);
  expect(readFileSync(file, "utf8")).toBe("an earlier file");
  expect(readdirSync(folder).sort()).toEqual(before);
});

test("a file that ONNX Runtime refuses is removed too", async () => {
  vi.mocked(foldNorms).mockImplementationOnce((graph) => void graph.nodes.splice(5, 1));
  const { code, message } = await codedRejection(exportModel(weights, join(folder, "broken.onnx")));
  expect(code).toBe("ERR_ONNX");
  expect(message).toContain("onnxruntime cannot read the file");
  expect(readdirSync(folder).filter((name) => name.includes("broken"))).toEqual([]);
});

test.each([
  ["model.bin", {}, /must name a file that ends in .onnx or .safetensors; got/],
  ["model.onnx", { auxiliary: true }, /`auxiliary` applies only to safetensors/],
  ["model.safetensors", { softmax: true }, /`softmax` applies only to ONNX files/],
  ["model.safetensors", { imageSize: 64 }, /`imageSize` applies only to ONNX files/],
  [
    "model.onnx",
    { input: "uint8-nhw" as never },
    /`input` must be uint8-nhwc or float32-nchw; got uint8-nhw. Did you mean uint8-nhwc/,
  ],
  ["model.onnx", { format: "onxx" as never }, /`format` must be onnx or safetensors; got onxx. Did you mean onnx/],
  ["model.onnx", { imageSize: 0.5 }, /`imageSize` must be a positive whole number/],
  ["none/model.onnx", {}, /cannot write model.onnx, because the folder .*none does not exist/],
] as const)("refuses %s with %j", async (name, options, message) => {
  const error = await codedRejection(exportModel(weights, join(folder, name), options));
  expect(error.code).toBe("ERR_EXPORT");
  expect(error.message).toMatch(message);
});

test.each([
  ["photo.jpg", { format: "onnx" }, /must name a file that ends in .onnx; got .*photo.jpg/],
  ["model.onnx", { format: "safetensors" }, /must name a file that ends in .safetensors; got/],
  ["weights.safetensors", {}, /must not be its input .*weights.safetensors\. Choose another file/],
  ["link.safetensors", {}, /must not be its input .*, but .*link.safetensors is the same file/],
  ["run/checkpoints/last.safetensors", {}, /checkpoints holds the checkpoints of a run/],
] as const)("does not overwrite %s with %j", async (name, options, message) => {
  const run = join(folder, "run");
  mkdirSync(join(run, "checkpoints"), { recursive: true });
  writeFileSync(join(run, "run.json"), "{}");
  rmSync(join(folder, "link.safetensors"), { force: true });
  symlinkSync(weights, join(folder, "link.safetensors"));
  const error = await codedRejection(exportModel(weights, join(folder, name), options));
  expect(error).toMatchObject({ code: "ERR_PATH", exitCode: 2 });
  expect(error.message).toMatch(message);
});

test("refuses a model that is ONNX already", async () => {
  const error = await codedRejection(exportModel("model.onnx", join(folder, "other.onnx")));
  expect(error).toMatchObject({ code: "ERR_EXPORT", message: expect.stringContaining("is an ONNX file already") });
});
