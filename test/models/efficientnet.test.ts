/** EfficientNet, compared with a plain PyTorch module (efficientnet_reference.py), and its random parts block by block. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  EFFICIENTNET_BATCH_NORM,
  EFFICIENTNETS,
  EfficientNet,
  type EfficientNetConfig,
} from "../../src/models/efficientnet.js";
import { ATTACK, EVAL } from "../../src/nn/context.js";
import { normFactory } from "../../src/nn/routed-batch-norm.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { fromArray, GradientStore, gradientOf, scope, type Tensor } from "../../src/tensor/index.js";
import { cast, copy_, detach, keyedUniform, mul, sum } from "../../src/tensor/operators.js";
import { bytesOf, difference, random } from "../support/convolutions.js";
import { readGolden } from "../support/golden.js";
import { compareWithGolden, GOLDEN_PASSES, initializeAsGolden } from "../support/networks.js";

const NARROW = { width: 0.25, depth: 0.5, dropout: 0.3 };
const NARROW_LITE = { ...NARROW, lite: true };

describe.each([
  { title: "narrow", config: NARROW, classes: 10, images: [8, 3, 32, 32] },
  { title: "lite", config: NARROW_LITE, classes: 10, images: [8, 3, 32, 32] },
  { title: "b0", config: EFFICIENTNETS["efficientnet-b0"], classes: 1000, images: [4, 3, 64, 64] },
])("EfficientNet $title", ({ title, config, classes, images }) => {
  const golden = readGolden(`efficientnet_${title}.safetensors`);

  describe.each(["float64", "float32"] as const)("in %s", (dtype) => {
    let network: EfficientNet;
    beforeAll(() => {
      network = new EfficientNet(config, classes, normFactory(["aux"], EFFICIENTNET_BATCH_NORM));
      initializeAsGolden(network, golden, dtype);
    });

    test.each(GOLDEN_PASSES)("%s: logits and all gradients", (pass) => {
      compareWithGolden(network, golden, pass, images, dtype);
    });
  });
});

type Passed = readonly [logits: Tensor, gradient: Tensor];

/**
 * A small network and the same network in float64, with running statistics of the images, and a pass of an attack that
 * returns the gradient of the images.
 */
function attackable(config: EfficientNetConfig, dtype: "float32" | "bfloat16") {
  const make = (): EfficientNet => new EfficientNet(config, 7, normFactory(["aux"], EFFICIENTNET_BATCH_NORM));
  const network = make().initialize(3);
  const reference = make().initialize(3, "float64");
  const images = cast(random([6, 3, 61, 45], 1), dtype);
  const context = { ...ATTACK, route: "aux" };
  // Statistics of the same route, so that activations have the order of one.
  network.forward(cast(images, "float32"), { ...context, statistics: "batch", update: true });
  for (const [name, value] of network.state()) copy_(reference.state().get(name)!, value);
  const pass = (through: EfficientNet, trainable = false): Passed => {
    const input = detach(through === reference ? cast(images, "float64") : images).requireGradient();
    const logits = through.forward(input, { ...context, trainable });
    return [logits, gradientOf(sum(mul(logits, cast(random([6, 7], 2), logits.dtype))), input)];
  };
  return { network, images, pass, expected: pass(reference) };
}

test.each(["float32", "bfloat16"] as const)(
  "an attack in %s with one operator per block is as close to float64 as the pass layer by layer",
  (dtype) => {
    scope(() => {
      const { network, images, pass, expected } = attackable({ ...NARROW, depth: 1 }, dtype);
      const [whole, layers] = [pass(network), pass(network, true)];
      for (const i of [0, 1]) {
        const error = difference(whole[i], expected[i]);
        expect(error).toBeLessThan(2.5 * difference(layers[i], expected[i]));
        expect(error).toBeLessThan(dtype === "float32" ? 3e-5 : 0.3);
      }
      const evaluated = network.forward(images, { ...EVAL, route: "aux" });
      expect(Buffer.compare(bytesOf(evaluated), bytesOf(whole[0]))).toBe(0);
    });
  },
);

/** Cosine of the angle between two lists of numbers. */
function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

test.each(["float32", "bfloat16"] as const)("an attack on the Lite form in %s is close to float64", (dtype) => {
  scope(() => {
    const { network, pass, expected } = attackable({ ...NARROW_LITE, depth: 0.2 }, dtype);
    const actual = pass(network);
    // In bfloat16 some ReLUs pass a gradient that float64 blocks, or the other way round. The difference grows with every block.
    for (const i of [0, 1]) {
      if (dtype === "float32") expect(difference(actual[i], expected[i])).toBeLessThan(3e-5);
      else expect(cosine(actual[i].toNumbers(), expected[i].toNumbers())).toBeGreaterThan(0.8);
    }
  });
});

describe("in a stochastic pass", () => {
  const SAMPLES = Array.from({ length: 30 }, (_, i) => i);
  const SEED = 5;
  const network = new EfficientNet({ ...NARROW, depth: 1 }, 4, normFactory([], EFFICIENTNET_BATCH_NORM));

  /** The gradients of the sum of one image's logits, by name. */
  function gradientsFor(sample: number): Map<string, number[]> {
    return scope(() => {
      const samples = fromArray([sample], [1], "int64");
      const images = keyedUniform(samples, [3, 32, 32], { seed: 0, epoch: 0, purpose: Purpose.synthesis });
      const keys = { seed: SEED, epoch: 1, samples };
      const parameters = Array.from(network.namedParameters());
      const gradients = new GradientStore(parameters.map(([, { value }]) => value));
      gradients.add(sum(network.forward(images, { ...EVAL, route: "main", trainable: true, stochastic: true, keys })));
      const sums = gradients.read();
      gradients.clear();
      return new Map(parameters.map(([name], i) => [name, sums[i]!.toNumbers()]));
    });
  }

  test("block i of n is dropped where its draw is not below 1 - 0.2 i / n, and features with the rate of dropout", () => {
    network.initialize(0);
    // The blocks of B0 with equal channels and stride 1, by their index among all 16.
    const residual = new Map([
      [2, "blocks.1.1"],
      [4, "blocks.2.1"],
      [6, "blocks.3.1"],
      [7, "blocks.3.2"],
      [9, "blocks.4.1"],
      [10, "blocks.4.2"],
      [12, "blocks.5.1"],
      [13, "blocks.5.2"],
      [14, "blocks.5.3"],
    ]);
    let left = 0;
    for (const sample of SAMPLES) {
      const gradients = gradientsFor(sample);
      for (const [position, name] of residual) {
        const draw = new KeyedRandom(SEED, Purpose.stochasticDepth, 1, sample, position).uniform(0);
        const isLeft = draw >= 1 - (0.2 * position) / 16;
        const zero = gradients.get(`${name}.conv_dw.weight`)!.every((value) => value === 0);
        expect(zero, `${name} of sample ${sample}`).toBe(isLeft);
        if (isLeft) left += 1;
      }
      const dropout = new KeyedRandom(SEED, Purpose.dropout, 1, sample);
      const features = gradients.get("classifier.weight")!.slice(0, 320);
      for (const [j, value] of features.entries()) expect(value === 0, `feature ${j}`).toBe(dropout.uniform(j) >= 0.7);
    }
    expect(left).toBeGreaterThan(10);
  });
});
