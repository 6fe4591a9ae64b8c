/** Predictors for ONNX files: their outputs, and the settings that they need. */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { onnxOptions } from "../../src/cli/flags/onnx-flag.js";
import { InMemoryDataset } from "../../src/data/datasets/dataset.js";
import type { PixelBatch } from "../../src/data/loading/batch.js";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { classRule } from "../../src/evaluation/classes/class-rule.js";
import { imagenetSynsets } from "../../src/evaluation/classes/imagenet.js";
import { fromHalf, toHalf } from "../../src/predictors/onnx/half.js";
import { openPredictor } from "../../src/predictors/open.js";
import { type BlackBoxPredictor, modelName } from "../../src/predictors/opened.js";
import { temporaryFolder } from "../support/folders.js";
import { type OnnxFile, writeOnnx } from "../support/onnx.js";

const WEIGHTS = [
  [1, 2, 3],
  [-4, 0.5, 1],
  [0, -1, 2.5],
  [2, 2, -2],
] as const;
const CLASSES = ["a", "b", "c", "d"];
const [MEAN, STD] = [
  [0.1, 0.2, 0.3],
  [0.5, 0.25, 0.2],
];

/** Five images of 8 x 8 with different pixels. */
const [batch] = evaluationBatches(
  new InMemoryDataset({
    name: "five",
    classes: CLASSES,
    height: 8,
    width: 8,
    labels: Int32Array.from([0, 1, 2, 3, 0]),
    pixels: Uint8Array.from({ length: 5 * 8 * 8 * 3 }, (_, i) => (i * i * 31 + 7 * i) % 256),
  }),
  5,
);

/** Logits by the definition: the normalised mean of each colour, times the weights. */
function expected({ pixels }: PixelBatch, { mean = MEAN, std = STD, scale = 255, bgr = false } = {}): number[] {
  return Array.from({ length: 5 }, (_, n) => {
    const means = [0, 1, 2].map((channel) => {
      let total = 0;
      for (let i = 0; i < 64; i++) total += pixels[(n * 64 + i) * 3 + (bgr ? 2 - channel : channel)] / scale;
      return (total / 64 - mean[channel]) / std[channel];
    });
    return WEIGHTS.map((row) => row.reduce<number>((sum, weight, channel) => sum + weight * means[channel], 0));
  }).flat();
}

const NORMALIZED = ["pixelRange=0-1", "mean=0.1,0.2,0.3", "std=0.5,0.25,0.2"];

async function open(file: Partial<OnnxFile>, onnx: readonly string[], sidecar?: unknown): Promise<BlackBoxPredictor> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "classes.txt"), `${CLASSES.join("\n")}\n`);
  const path = writeOnnx(join(folder, "model.onnx"), { weights: WEIGHTS, ...file });
  if (sidecar !== undefined) writeFileSync(`${path}.json`, JSON.stringify(sidecar));
  const named = sidecar === undefined && onnx.every((text) => !text.startsWith("classes="));
  const classes = named ? [`classes=${join(folder, "classes.txt")}`] : [];
  const predictor = await openPredictor(path, { onnx: onnxOptions([...onnx, ...classes]), threads: 1 });
  if (predictor.access !== "black-box") throw new Error("an ONNX file gives no gradients");
  return predictor;
}

function expectLogits(actual: Float32Array, wanted: readonly number[], tolerance = 1e-5): void {
  expect(actual.length).toBe(wanted.length);
  wanted.forEach((value, i) => {
    expect(Math.abs(actual[i] - value)).toBeLessThan(tolerance * (1 + Math.abs(value)));
  });
}

describe("logits are those of the definition", () => {
  const cases: [string, Partial<OnnxFile>, string[]][] = [
    ["NCHW, any batch", {}, []],
    ["NHWC", { layout: "NHWC" }, []],
    ["a batch of one", { shape: [1, 3, 8, 8] }, []],
    ["a batch of three, the last one padded", { shape: [3, 3, 8, 8] }, []],
    ["an open size", { shape: ["n", 3, "h", "w"] }, ["imageSize=8"]],
    ["nothing but the layout declared", { shape: ["", "", "", ""] }, ["layout=NCHW", "imageSize=8"]],
    ["one of two outputs", { features: true }, ["outputName=output"]],
  ];
  test.each(cases)("%s", async (_, file, onnx) => {
    const predictor = await open(file, [...NORMALIZED, ...onnx]);
    expect(predictor).toMatchObject({ classes: CLASSES, imageSize: 8, name: "model", output: "logits" });
    expectLogits(await predictor.logits(batch), expected(batch));
    await predictor.close();
  });

  test("BGR in 0 to 255", async () => {
    const mean = [103.939, 116.779, 123.68];
    const predictor = await open({}, ["channels=BGR", "pixelRange=0-255", `mean=${mean.join(",")}`]);
    expectLogits(await predictor.logits(batch), expected(batch, { mean, std: [1, 1, 1], scale: 1, bgr: true }));
  });

  test("8-bit pixels as they are, without settings", async () => {
    const predictor = await open({ type: "uint8", layout: "NHWC" }, []);
    expectLogits(await predictor.logits(batch), expected(batch, { mean: [0, 0, 0], std: [1, 1, 1], scale: 1 }));
  });

  test("half precision in and out", async () => {
    expectLogits(await (await open({ type: "float16" }, NORMALIZED)).logits(batch), expected(batch), 3e-3);
  });

  test("probabilities become their logarithms, depending on the file's output", async () => {
    const predictor = await open({ softmax: true }, NORMALIZED);
    expect(predictor.output).toBe("probabilities");
    const logits = expected(batch);
    const normalized = logits.map((logit, i) => {
      const row = logits.slice(i - (i % 4), i - (i % 4) + 4);
      return logit - Math.log(row.reduce((sum, one) => sum + Math.exp(one), 0));
    });
    expectLogits(await predictor.logits(batch), normalized);
    const told = await open({ softmax: true }, [...NORMALIZED, "output=logits"]);
    expect((await told.logits(batch)).every((p) => p >= 0 && p <= 1)).toBe(true);
  });
});

test("a model is called as its file or its run's folder, and keeps the dots that are part of the name", () => {
  const names = ["a/model.onnx", "b/MODEL.ONNX", "net-v1.2.safetensors", "runs/eps0.5", "runs/eps0.5/", "v1.2.onnx"];
  expect(names.map(modelName)).toEqual(["model", "MODEL", "net-v1.2", "eps0.5", "eps0.5", "v1.2"]);
  expect(modelName(".")).toBe(basename(process.cwd()));
});

describe("where settings come from", () => {
  const sidecar = { pixelRange: "0-1", mean: MEAN, std: STD, classes: "classes.txt", cropFraction: 0.9 };

  test("the sidecar, with a file of names beside it; a flag overrides it", async () => {
    const predictor = await open({}, ["interpolation=bilinear"], sidecar);
    expect(predictor).toMatchObject({
      view: { cropFraction: 0.9, interpolation: "bilinear" },
      viewRecorded: true,
    });
    expectLogits(await predictor.logits(batch), expected(batch));
    const other = await open({}, ["mean=0,0,0"], sidecar);
    expectLogits(await other.logits(batch), expected(batch, { mean: [0, 0, 0] }));
  });

  test("the file's metadata: our entry, and ONNX's own for images", async () => {
    const entry = JSON.stringify({ ...sidecar, classes: CLASSES });
    const ours = await open({ metadata: { producer: "x", "advprop.preprocessing": entry } }, [], {});
    expectLogits(await ours.logits(batch), expected(batch));
    const metadata = { "Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "Normalized_1_1" };
    const standard = await open({ metadata }, []);
    const half = [0.5, 0.5, 0.5];
    expectLogits(await standard.logits(batch), expected(batch, { mean: half, std: half, bgr: true }));
  });
});

describe("what is missing or wrong is said", () => {
  const cases: [string, Partial<OnnxFile>, string[], string][] = [
    ["the range of the pixels", {}, [], "the range of its pixels is not known"],
    ["the layout", { shape: ["n", 3, 3, 3] }, NORMALIZED, "`onnx.layout: NCHW` or `onnx.layout: NHWC`"],
    ["the size", { shape: ["n", 3, "h", "w"] }, NORMALIZED, "`onnx.imageSize: 224`"],
    ["images that are not square", { shape: ["n", 3, 8, 12] }, NORMALIZED, "images must be square"],
    ["the wrong layout", {}, [...NORMALIZED, "layout=NHWC"], "8 colours and must have 3"],
    [
      "a layout that only running shows",
      { shape: ["", "", "", ""] },
      [...NORMALIZED, "layout=NHWC", "imageSize=8"],
      "cannot run the graph on images [2, 8, 8, 3]",
    ],
    ["the wrong size", {}, [...NORMALIZED, "imageSize=16"], "does not take images of 16 pixels"],
    ["an input of other dimensions", { shape: ["n", 3, 8, 8, 3] }, NORMALIZED, "must have 4 dimensions"],
    ["which output", { features: true }, NORMALIZED, "one of output, means"],
    ["a normalised 8-bit input", { type: "uint8" }, NORMALIZED, "takes pixels as they are"],
    ["too many names", {}, [...NORMALIZED, "classes=imagenet"], "a name for each of its 4 outputs; got 1000"],
    ["no such file of names", {}, [...NORMALIZED, "classes=nowhere.txt"], "there is no file"],
    ["a key that is no key", {}, ["layuot=NCHW"], "Did you mean layout?"],
    ["a value that is none", {}, ["pixelRange=0-100"], "onnx: pixelRange"],
    ["a mean in another unit", {}, ["pixelRange=0-255", "mean=0.5,0.5,0.5"], "Give `onnx.pixelRange: 0-1`"],
    ["two values for three colours", {}, ["pixelRange=0-1", "mean=0.5,0.5"], "onnx: mean: must be three numbers"],
    ["a list in brackets", {}, ["pixelRange=0-1", "std=[0.5,0.5,0.5]"], "onnx: std.0: must be three numbers"],
    ["a key twice", {}, ["pixelRange=0-1", "pixelRange=0-255"], "--onnx pixelRange is given twice"],
    ["no key at all", {}, ["NCHW"], "must be KEY=VALUE"],
  ];
  test.each(cases)("%s", async (_, file, onnx, message) => {
    await expect(open(file, onnx)).rejects.toThrow(message);
  });

  test("names of classes; those of ImageNet are suggested if the number fits", async () => {
    await expect(open({}, NORMALIZED, {})).rejects.toThrow(/names of its 4 classes.*in the order of the outputs; or/);
    const thousand = Array.from({ length: 1000 }, () => WEIGHTS[0]);
    await expect(open({ weights: thousand }, NORMALIZED, {})).rejects.toThrow("`onnx.classes: imagenet`");
    const predictor = await open({ weights: thousand }, [...NORMALIZED, "classes=imagenet"]);
    expect(predictor.classes.slice(0, 2)).toEqual(["n01440764", "n01443537"]);
  });

  test("a name that occurs twice", async () => {
    const classes = ["a", "b", "a", "d"];
    await expect(open({}, [], { pixelRange: "0-1", classes })).rejects.toThrow(
      /the names of the outputs must differ; outputs 1 and 3 are both called a\. Rename one/,
    );
  });

  test("names as an editor may have saved them: with a byte order mark, and with decomposed letters", async () => {
    const names = join(temporaryFolder(), "names.txt");
    writeFileSync(names, "\uFEFFa\r\ncafe\u0301\r\nc\r\nd\r\n");
    expect((await open({}, [...NORMALIZED, `classes=${names}`])).classes).toEqual(["a", "caf\u00e9", "c", "d"]);
  });

  test("the first words of ImageNet's classes, in which crane occurs twice, are recognised", async () => {
    const names = join(temporaryFolder(), "words.txt");
    const lines = readFileSync(new URL("../../reference/imagenet-classes.txt", import.meta.url), "utf8")
      .trim()
      .split("\n");
    const words = lines.map((line) => line.slice(line.indexOf(" ") + 1).split(", ")[0]);
    writeFileSync(names, words.join("\n"));
    const thousand = Array.from({ length: 1000 }, () => WEIGHTS[0]);
    const { classes } = await open({ weights: thousand }, [...NORMALIZED, `classes=${names}`]);
    expect(classes[0]).toBe("tench");
    expect(classes[134]).toBe("n02012849"); // the crane that is a bird
    const rule = classRule(classes, { name: "ImageNet", classes: imagenetSynsets() });
    expect(rule.labels).toEqual(classes.map((_, i) => i));
  });

  test("a file that is not ONNX, a missing file, and a flag for another kind of file", async () => {
    const path = join(temporaryFolder(), "model.onnx");
    await expect(openPredictor(path)).rejects.toThrow("there is no ONNX file");
    writeFileSync(path, "hello, this is text");
    await expect(openPredictor(path)).rejects.toThrow("onnxruntime cannot read the file");
    await expect(openPredictor("a.safetensors", { onnx: { layout: "NCHW" } })).rejects.toThrow("that end in .onnx");
  });
});

test("half-precision numbers: all survive a round trip, and others are rounded to the nearest, ties to even", () => {
  const all = Array.from({ length: 0x7c00 }, (_, half) => half);
  expect(all.filter((half) => toHalf(fromHalf(half)) !== half)).toEqual([]);
  const middle = (half: number) => (fromHalf(half) + fromHalf(half + 1)) / 2;
  expect(all.filter((half) => half < 0x7bff && toHalf(middle(half)) !== half + (half & 1))).toEqual([]);
  expect([1, -2, 65504, 0.5, 2 ** -24].map(toHalf)).toEqual([0x3c00, 0xc000, 0x7bff, 0x3800, 1]);
  expect([65520, -1e9].map(toHalf)).toEqual([0x7c00, 0xfc00]);
  expect(fromHalf(toHalf(Number.NaN))).toBeNaN();
});
