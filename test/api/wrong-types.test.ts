/** Arguments of a wrong type, which only callers in JavaScript can pass: each gets an error with a code. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { attack } from "../../src/api/attack/attack-photo.js";
import { evaluate } from "../../src/api/evaluation/evaluate.js";
import { exportModel } from "../../src/api/export/export-model.js";
import { openRun } from "../../src/api/open-run.js";
import { openClassifier } from "../../src/api/photo-classifier.js";
import { corrupt } from "../../src/corruptions/index.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { setThreads } from "../../src/tensor/index.js";
import { openWeights } from "../../src/weights/open.js";
import { codedError, codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const folder = sharedTemporaryFolder();
const weights = join(folder, "fruit.safetensors");
const photo = join(folder, "a", "000.jpg");
/** A value where the types want another one. */
const wrong = (value: unknown) => value as never;

beforeAll(async () => {
  setThreads(1);
  await writeClasses(folder, { a: 1 });
  const model = createClassifier("resnet8", { classes: ["apple", "pear"], imageSize: 32 }).initialize(1);
  exportWeights(model, weights, { auxiliary: false });
  model.dispose();
});

test.each([
  ["undefined", undefined],
  ["null", null],
  ["a URL", pathToFileURL(weights)],
])("a model that is %s", async (got, value) => {
  const calls: ((model: string) => unknown)[] = [evaluate, openClassifier, openWeights, openRun];
  calls.push((model) => exportModel(model, "model.onnx"));
  calls.push((model) => attack(model, photo));
  for (const call of calls) {
    const { code, message } = await codedRejection((async () => call(wrong(value)))());
    expect(code).toBe("ERR_ARGUMENT");
    expect(message).toContain(`must be text; got ${got}.`);
    expect(message.includes("fileURLToPath")).toBe(got === "a URL");
  }
});

test("a photo that is no photo", async () => {
  const classifier = await openClassifier(weights);
  for (const value of [undefined, null, pathToFileURL(photo), 5]) {
    expect(await codedRejection(classifier.classify(wrong(value)))).toMatchObject({
      code: "ERR_PHOTO",
      message: expect.stringContaining("a photo must be the path of a file, its bytes as a Uint8Array, or"),
    });
  }
  expect((await codedRejection(attack(weights, wrong(undefined)))).code).toBe("ERR_PHOTO");
  expect(await classifier.classify(photo)).toHaveLength(2);
  await classifier.close();
});

test("an export without its file", async () => {
  const { code, message } = await codedRejection(exportModel(weights, wrong(undefined)));
  expect({ code, message }).toEqual({
    code: "ERR_ARGUMENT",
    message: "export: `to`, the path of the new file, must be text; got undefined.",
  });
});

test("an epsilon in quotes, seeds and threads that are no counts", async () => {
  expect((await codedRejection(attack(weights, photo, { epsilon: wrong("1/255") }))).message).toBe(
    'attack: epsilon must be a number, such as 4 / 255 without quotes; got "1/255".',
  );
  expect((await codedRejection(attack(weights, photo, { seed: 1.5 }))).code).toBe("ERR_SEED");
  expect(await codedRejection(evaluate(weights, { seed: 1.5 }))).toMatchObject({
    code: "ERR_SETTING",
    message: expect.stringContaining("seed must be an integer in [0, 2^53); got 1.5"),
  });
  const onnx = join(folder, "model.onnx");
  await exportModel(weights, onnx);
  for (const threads of [-1, 1.5, "2"]) {
    expect((await codedRejection(openClassifier(onnx, { threads: wrong(threads) }))).code).toBe("ERR_THREADS");
  }
});

test("an attack and a corruption have defaults for all options", async () => {
  const { largestChange, adversarial } = await attack(weights, photo);
  expect(largestChange).toBe(4);
  expect((await attack(weights, photo, { epsilon: 4 / 255, seed: 0 })).adversarial).toEqual(adversarial);
  const pixels = new Uint8Array(32 * 32 * 3).fill(99);
  expect(corrupt(pixels, 32, 32, "fog", 3)).toEqual(corrupt(pixels, 32, 32, "fog", 3, { seed: 0, sample: 0 }));
  expect(corrupt(pixels, 32, 32, "fog", 3)).not.toEqual(corrupt(pixels, 32, 32, "fog", 3, { sample: 1 }));
});

test("a corruption without its name", () => {
  const error = codedError(() => corrupt(wrong({ pixels: [] }), wrong("fog"), 3, wrong(undefined), wrong(undefined)));
  expect(error).toMatchObject({ code: "ERR_CORRUPTION", message: expect.stringContaining("got undefined.") });
});
