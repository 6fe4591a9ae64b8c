/** Classifying photos: the predictions are those of an evaluation, however the photo is given. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openClassifier, type PhotoClassifier, type PhotoResult } from "../../src/api/photo-classifier.js";
import { evaluationPhotos } from "../../src/data/photos/photo-loader.js";
import type { Prediction } from "../../src/evaluation/classes/most-probable.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { decodeImage } from "../../src/images/decode.js";
import { createClassifier } from "../../src/models/registry.js";
import { TRAIN } from "../../src/nn/context.js";
import { openPredictor } from "../../src/predictors/open.js";
import { fromArray, scope, setThreads } from "../../src/tensor/index.js";
import { keyedUniform } from "../../src/tensor/operators.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { writeOnnx } from "../support/onnx.js";
import { trainingSet, writeClasses } from "../support/photos.js";

const CLASSES = ["apple", "pear", "quince"];
const SIZE = 40;

async function collected(results: AsyncIterable<PhotoResult>): Promise<PhotoResult[]> {
  const all: PhotoResult[] = [];
  for await (const one of results) all.push(one);
  return all;
}

/** Some processors multiply the matrix of several photos in another order than that of one. */
function expectSame(some: readonly Prediction[], others: readonly Prediction[]): void {
  expect(some.map((one) => one.class)).toEqual(others.map((one) => one.class));
  for (const [i, { probability }] of some.entries()) expect(probability).toBeCloseTo(others[i].probability, 6);
}

describe("a classifier of photos", () => {
  const folder = sharedTemporaryFolder();
  const weights = join(folder, "fruit.safetensors");
  const photos = join(folder, "photos");
  let classifier: PhotoClassifier;
  let expected: Float32Array;
  let file: string;

  beforeAll(async () => {
    setThreads(1);
    await writeClasses(photos, { apple: 2, pear: 2, quince: 2 });
    const model = createClassifier("resnet8", { classes: CLASSES, imageSize: SIZE }).initialize(3);
    scope(() => {
      // Running statistics that differ from the initial ones.
      const samples = fromArray([0, 1, 2, 3], [4], "int64");
      const keys = { seed: 0, epoch: 0, samples };
      model.forward(keyedUniform(samples, [3, SIZE, SIZE], { seed: 1, epoch: 0, purpose: 8 }), {
        ...TRAIN,
        route: "main",
        keys,
      });
    });
    exportWeights(model, weights, { auxiliary: false });
    classifier = await openClassifier(weights);

    const predictor = await openPredictor(weights);
    const set = trainingSet(photos);
    file = join(photos, set.files[0]);
    const source = evaluationPhotos(set, { batchSize: 1, size: SIZE, ...predictor.view });
    for await (const batch of source) {
      expected = await predictor.logits(batch);
      break;
    }
    await source.close();
    await predictor.close();
  });
  afterAll(() => classifier.close());

  test("gives the probabilities that an evaluation's logits have, the most probable class first", async () => {
    const predictions = await classifier.classify(file);
    expect(predictions.map((one) => one.class).sort()).toEqual(CLASSES);
    const total = expected.reduce((sum, logit) => sum + Math.exp(logit), 0);
    for (const { class: name, probability } of predictions) {
      expect(probability).toBeCloseTo(Math.exp(expected[CLASSES.indexOf(name)]) / total, 6);
    }
    expect(predictions[0].probability).toBeGreaterThan(predictions[2].probability);
    expect(await classifier.classify(file, { top: 1 })).toEqual(predictions.slice(0, 1));
  });

  test("takes bytes and pixels too", async () => {
    const bytes = readFileSync(file);
    expect(await classifier.classify(bytes)).toEqual(await classifier.classify(file));
    expect(await classifier.classify(await decodeImage(bytes, file))).toEqual(await classifier.classify(file));
  });

  test("reports what is wrong with a photo, and can be used after that", async () => {
    expect((await codedRejection(classifier.classify(join(photos, "none.jpg")))).message).toContain("none.jpg");
    expect((await codedRejection(classifier.classify(Buffer.from("no photo")))).code).toBe("ERR_IMAGE");
    const pixels = { pixels: new Uint8Array(10), height: 2, width: 2 };
    expect((await codedRejection(classifier.classify(pixels))).code).toBe("ERR_PHOTO");
    expect((await codedRejection(classifier.classify(file, { top: 0 }))).code).toBe("ERR_TOP");
    expect(await classifier.classify(file)).toHaveLength(3);
  });

  test("a list of files gives the same as each file alone, in order; unreadable files are reported, and the others continue", async () => {
    writeFileSync(join(photos, "broken.jpg"), "no photo");
    const files = ["apple/000.jpg", "broken.jpg", "pear/001.jpg", "none.jpg", "quince/000.jpg", "apple/000.jpg"];
    const paths = files.map((name) => join(photos, name));
    const results = await collected(classifier.classifyAll(paths, { top: 2, workers: 2 }));
    expect(results.map((one) => one.photo)).toEqual(paths);
    for (const [i, result] of results.entries()) {
      if ("error" in result) expect([1, 3]).toContain(i);
      else expectSame(result.predictions, await classifier.classify(paths[i], { top: 2 }));
    }
    expect(results[1]).toMatchObject({ error: expect.stringContaining("it is text") });
    expect(results[3]).toMatchObject({ error: expect.stringContaining("cannot be read (ENOENT") });
  });

  test("a list of unreadable photos gives an error for each, and an empty list gives nothing", async () => {
    const paths = ["none.jpg", "neither.jpg", "nor.jpg"].map((name) => join(photos, name));
    const results = await collected(classifier.classifyAll(paths, { workers: 1 }));
    expect(results.map((one) => "error" in one)).toEqual([true, true, true]);
    expect(await collected(classifier.classifyAll([]))).toEqual([]);
  });

  test("a list may hold bytes and pixels", async () => {
    const bytes = readFileSync(file);
    const results = await collected(
      classifier.classifyAll([bytes, Buffer.from("no photo"), await decodeImage(bytes, file)]),
    );
    const predictions = await classifier.classify(file);
    expect(results.map((one) => ("error" in one ? "error" : one.predictions))).toEqual([
      predictions,
      "error",
      predictions,
    ]);
  });

  test("cannot be used after close", async () => {
    const other = await openClassifier(weights);
    await other.classify(file);
    await other.close();
    await other.close();
    expect((await codedRejection(other.classify(file))).code).toBe("ERR_CLOSED");
  });
});

test("an ONNX file is a classifier of photos too", async () => {
  const onnx = writeOnnx(join(sharedTemporaryFolder(), "colours.onnx"), {
    weights: [
      [9, 0, 0],
      [0, 9, 0],
      [0, 0, 9],
    ],
  });
  const classifier = await openClassifier(onnx, {
    onnx: { pixelRange: "0-1", classes: ["red", "green", "blue"] },
  });
  const blue = { pixels: new Uint8Array(30 * 20 * 3).map((_, i) => (i % 3 === 2 ? 200 : 20)), height: 20, width: 30 };
  expect((await classifier.classify(blue))[0].class).toBe("blue");
  await classifier.close();
});
