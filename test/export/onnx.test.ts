/**
 * ONNX files of every kind of network, compared with the network itself and checked by ONNX's
 * checker.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultView } from "../../src/evaluation/view.js";
import { type OnnxExportOptions, onnxOf } from "../../src/export/onnx.js";
import { Classifier, NORMALIZATIONS } from "../../src/models/classifier.js";
import { EFFICIENTNET_BATCH_NORM, EfficientNet } from "../../src/models/efficientnet.js";
import { ResNet, type ResNetConfig } from "../../src/models/resnet.js";
import { WideResNet } from "../../src/models/wide-resnet.js";
import type { ForwardContext } from "../../src/nn/context.js";
import { uniform } from "../../src/nn/initialization.js";
import { Conv2d } from "../../src/nn/layers/convolution.js";
import { Linear } from "../../src/nn/layers/linear.js";
import { globalAveragePool } from "../../src/nn/layers/pooling.js";
import { Module } from "../../src/nn/module.js";
import { type NormFactory, normFactory } from "../../src/nn/routed-batch-norm.js";
import { classifierPredictor } from "../../src/predictors/classifier-predictor.js";
import { readOnnxMetadata } from "../../src/predictors/onnx/onnx-metadata.js";
import { openOnnx } from "../../src/predictors/onnx/onnx-predictor.js";
import { setThreads, type Tensor } from "../../src/tensor/index.js";
import { abs, concat, mean, reshape } from "../../src/tensor/operators.js";
import { codedError } from "../support/errors.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { checkOnnx, hasChecker } from "../support/onnx-checker.js";
import { noiseImages, randomNorms } from "../support/trained.js";

const CLASSES = ["a", "b", "c", "d", "e"];
/** Odd, with several odd sizes after strides, for which the padding differs between the sides. */
const SIZE = 43;

const small = { depths: [1, 2, 1], widths: [8, 16, 24] } as const;
const resNet = (config: Omit<ResNetConfig, "depths" | "widths">) => (norm: NormFactory) =>
  new ResNet({ ...small, ...config }, CLASSES.length, norm);
const efficientNet = (lite: boolean) => (norm: NormFactory) =>
  new EfficientNet({ width: 0.25, depth: 1, dropout: 0.2, lite }, CLASSES.length, norm);

/** Convolutions that have a bias or groups, of the images too. */
class Grouped extends Module {
  readonly #first = this.child("first", new Conv2d(3, 6, 3, { groups: 3, bias: true }));
  readonly #norm;
  readonly #second = this.child("second", new Conv2d(6, 8, 3, { groups: 2, stride: 2, bias: true }));
  readonly #third = this.child("third", new Conv2d(8, 8, 3, { groups: 2 }));
  readonly #head = this.child("head", new Linear(8, CLASSES.length, uniform(0.5)));

  constructor(norm: NormFactory) {
    super();
    this.#norm = this.child("norm", norm(6, "relu"));
  }

  protected override compute(images: Tensor, context: ForwardContext): Tensor {
    const x = this.#norm.forward(this.#first.forward(images, context), context);
    const y = this.#third.forward(this.#second.forward(x, context), context);
    return this.#head.forward(globalAveragePool(y), context);
  }
}

/** Two branches whose channels are joined, and a linear layer that has a weight for each pixel. */
class Joined extends Module {
  readonly #left = this.child("left", new Conv2d(3, 4, 3, { stride: 8 }));
  readonly #right = this.child("right", new Conv2d(3, 2, 3, { stride: 8 }));
  readonly #norm;
  readonly #head = this.child("head", new Linear(6 * 6 * 6, CLASSES.length, uniform(0.5)));

  constructor(norm: NormFactory) {
    super();
    this.#norm = this.child("norm", norm(6, "relu"));
  }

  protected override compute(images: Tensor, context: ForwardContext): Tensor {
    const both = concat([this.#left.forward(images, context), this.#right.forward(images, context)], 1);
    const x = this.#norm.forward(both, context);
    return this.#head.forward(reshape(x, [x.shape[0], 6 * 6 * 6]), context);
  }
}

const FAMILIES: readonly (readonly [name: string, build: (norm: NormFactory) => Module])[] = [
  ["ResNet of CIFAR", resNet({ stem: "cifar", block: "basic", shortcut: "padding" })],
  ["ResNet of ImageNet, basic blocks", resNet({ stem: "imagenet", block: "basic", shortcut: "projection" })],
  ["ResNet of ImageNet, bottlenecks", resNet({ stem: "imagenet", block: "bottleneck", shortcut: "projection" })],
  ["WideResNet", (norm) => new WideResNet({ depth: 10, width: 1 }, CLASSES.length, norm)],
  ["EfficientNet", efficientNet(false)],
  ["EfficientNet-Lite", efficientNet(true)],
  ["groups and biases", (norm) => new Grouped(norm)],
  ["joined branches, flattened", (norm) => new Joined(norm)],
];

function classifierOf(network: Module, size = SIZE): Classifier {
  return new Classifier(network, {
    name: "test",
    classes: CLASSES,
    routes: ["aux"],
    normalization: NORMALIZATIONS.cifar10,
    imageSize: size,
    view: defaultView(size),
  }).initialize(0);
}

const folder = sharedTemporaryFolder();
const files: string[] = [];

function write(name: string, classifier: Classifier, options?: OnnxExportOptions): string {
  const file = join(folder, `${name} ${files.length}.onnx`);
  writeFileSync(file, onnxOf(classifier, options));
  files.push(file);
  return file;
}

/** Largest difference, relative to the largest value. */
const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  const values = Array.from(a);
  const largest = Math.max(...values.map(Math.abs));
  return Math.max(...values.map((value, i) => Math.abs(value - b[i]))) / largest;
};

/** The output of a file, computed only from the file and its metadata. */
async function answers(file: string, count: number): Promise<{ logits: Float32Array; output: string }> {
  const model = await openOnnx(file, { threads: 1 });
  expect(model.classes).toEqual(CLASSES);
  const logits = await model.logits(noiseImages(count, SIZE));
  await model.close();
  return { logits, output: model.output };
}

beforeAll(() => setThreads(1));

describe.each(FAMILIES)("%s", (name, build) => {
  let classifier: Classifier;
  let expected: Float32Array;

  beforeAll(async () => {
    const options = name.startsWith("Efficient") ? EFFICIENTNET_BATCH_NORM : undefined;
    classifier = randomNorms(classifierOf(build(normFactory(["aux"], options))));
    expected = await classifierPredictor(classifier).logits(noiseImages(3, SIZE));
  });
  afterAll(() => classifier.dispose());

  test("has the network's logits, with and without folding, for bytes and floats, for any number of images", async () => {
    for (const options of [{}, { input: "float32-nchw", keepNorms: true }] as const) {
      const file = write(name, classifier, options);
      const { logits, output } = await answers(file, 3);
      expect(output).toBe("logits");
      expect(difference(expected, logits)).toBeLessThan(1e-5);
      expect(difference(expected.subarray(0, CLASSES.length), (await answers(file, 1)).logits)).toBeLessThan(1e-5);
    }
  });

  test("has probabilities as output if requested", async () => {
    const { logits, output } = await answers(write(name, classifier, { softmax: true }), 3);
    expect(output).toBe("probabilities");
    for (let i = 0; i < 3; i++) {
      const [own, given] = [expected, logits].map((all) => all.subarray(5 * i, 5 * i + 5));
      const powers = own.map((logit) => Math.exp(logit - Math.max(...own)));
      const total = powers.reduce((sum, power) => sum + power, 0);
      for (const [k, power] of powers.entries()) expect(Math.exp(given[k])).toBeCloseTo(power / total, 4);
    }
  });
});

test("folding removes every norm after a convolution, and keepNorms keeps them", () => {
  const classifier = classifierOf(FAMILIES[2][1](normFactory([])));
  const norms = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1").split("BatchNormalization").length - 1;
  expect(norms(onnxOf(classifier))).toBe(0);
  expect(norms(onnxOf(classifier, { keepNorms: true }))).toBeGreaterThan(10);
  classifier.dispose();
});

test("the metadata describes the weights and the preprocessing of photos", () => {
  const classifier = classifierOf(FAMILIES[0][1](normFactory([])), 32);
  const facts = { method: "advprop", epsilon: 4 / 255, accuracy: { value: 0.5, images: 8, data: "x", split: "test" } };
  const file = join(folder, "facts.onnx");
  writeFileSync(file, onnxOf(classifier, {}, facts));
  classifier.dispose();
  const metadata = readOnnxMetadata(file);
  expect(JSON.parse(metadata.get("advprop")!)).toEqual({ model: "test", ...facts });
  expect(JSON.parse(metadata.get("advprop.preprocessing")!)).toEqual({
    layout: "NHWC",
    imageSize: 32,
    channels: "RGB",
    pixelRange: "0-255",
    ...defaultView(32),
    output: "logits",
    classes: CLASSES,
  });
});

test("an unknown operator is refused with its layer", () => {
  class Odd extends Module {
    readonly scale = this.parameter("weight", [5], "weight", (out) => void out.fill(1));
    protected override compute(x: Tensor): Tensor {
      return mean(abs(this.scale.data), [0]) && abs(x);
    }
  }
  class Network extends Module {
    readonly odd = this.child("stage.odd", new Odd());
    protected override compute(x: Tensor): Tensor {
      return this.odd.forward(x, { route: "main" } as never);
    }
  }
  const { code, message } = codedError(() => onnxOf(classifierOf(new Network())));
  expect(code).toBe("ERR_EXPORT");
  expect(message).toContain("the layer stage.odd uses the operator aten::abs");
});

test.each<[string, (x: Tensor) => Tensor]>([
  ["aten::reshape", (x) => reshape(x, [1, 3, SIZE * SIZE, 1])],
  ["aten::cat", (x) => concat([x, x])],
])("%s is refused where it does not flatten or join channels, if its result is used", (operator, change) => {
  class Changing extends Module {
    readonly used: boolean;
    readonly first = this.child("first", new Conv2d(3, 3, 3));
    readonly head = this.child("head", new Linear(3, CLASSES.length, uniform(0.5)));
    constructor(used: boolean) {
      super();
      this.used = used;
    }
    protected override compute(images: Tensor, context: ForwardContext): Tensor {
      const x = this.first.forward(images, context);
      const changed = change(x);
      return this.head.forward(globalAveragePool(this.used ? changed : x), context);
    }
  }
  const { code, message } = codedError(() => onnxOf(classifierOf(new Changing(true))));
  expect(code).toBe("ERR_EXPORT");
  expect(message).toContain(`the layer first uses the operator ${operator}, for which, with these arguments,`);
  expect(onnxOf(classifierOf(new Changing(false))).length).toBeGreaterThan(0);
});

test.skipIf(!hasChecker())("the checker of the ONNX project accepts all of them", () => {
  expect(files).toHaveLength(3 * FAMILIES.length);
  expect(checkOnnx(files)).toBe("");
});
