/** What runs on a GPU, where there is one, against the same on the CPU. */
import { describe, expect, test } from "vitest";
import { pgd } from "../../src/attacks/pgd.js";
import { l2, linf } from "../../src/attacks/threat-model.js";
import { defaultView } from "../../src/evaluation/view.js";
import { Classifier, NORMALIZATIONS } from "../../src/models/classifier.js";
import { EfficientNet } from "../../src/models/efficientnet.js";
import { createClassifier } from "../../src/models/registry.js";
import { Parameter } from "../../src/nn/parameter.js";
import { normFactory } from "../../src/nn/routed-batch-norm.js";
import { AdamW } from "../../src/optim/adamw.js";
import type { NamedParameter, Optimizer } from "../../src/optim/optimizer.js";
import { RmsProp } from "../../src/optim/rmsprop.js";
import { Sgd } from "../../src/optim/sgd.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { broadcast, joinGroup, leaveGroup, PendingSum } from "../../src/tensor/group.js";
import {
  canCapture,
  type Device,
  DeviceGraph,
  type DType,
  engineInfo,
  fromArray,
  GradientStore,
  keep,
  scope,
  type Tensor,
} from "../../src/tensor/index.js";
import {
  add_,
  augmentedImages,
  averagePool,
  batchNorm,
  cast,
  channelsLast,
  conv2d,
  imagesFromBytes,
  keyedIntegers,
  keyedUniform,
  linfStep,
  maxPool2d,
  mul,
  normalizePixels,
  normOfAll,
  permute,
  relu,
  squeezeExcitation,
  sum,
} from "../../src/tensor/operators.js";
import { CapturedStep } from "../../src/training/captured-step.js";
import { advPropStep } from "../../src/training/methods/advprop.js";
import { update } from "../../src/training/update.js";
import { difference } from "../support/emulated.js";

const hasDevice = engineInfo().cuda;
if (!hasDevice) console.warn("Nothing is tested on a GPU: there is none that this libtorch can use.");
const GPU = "cuda:0";

/** Normal numbers, channels-last where 4-D. */
function normal(shape: readonly number[], stream: number, device: Device, dtype: DType = "float32"): Tensor {
  const random = new KeyedRandom(3, 1, 0, 0, stream);
  const count = shape.reduce((product, length) => product * length, 1);
  const values = Float32Array.from({ length: count }, (_, i) => random.normal(i));
  const wide = shape.length === 4 ? [shape[0], shape[2], shape[3], shape[1]] : shape;
  const tensor = fromArray(values, wide, undefined, device);
  return cast(shape.length === 4 ? permute(tensor, [0, 3, 1, 2]) : tensor, dtype);
}

/** The numbers of a computation on the GPU and on the CPU, list by list. */
function onBoth(run: (device: Device) => readonly (Tensor | undefined)[]): [number[], number[]][] {
  const [actual, expected] = [GPU, "cpu" as const].map((device) =>
    scope(() => run(device as Device).map((tensor) => tensor?.toNumbers() ?? [])),
  ) as unknown as [number[][], number[][]];
  expect(actual.length).toBe(expected.length);
  return actual.map((numbers, i) => [numbers, expected[i]]);
}

function expectSame(pairs: [number[], number[]][], bound: number): void {
  pairs.forEach(([actual, expected], i) => {
    expect(difference(actual, expected), `result ${i}`).toBeLessThan(bound);
  });
}

describe.skipIf(!hasDevice)("on a GPU", () => {
  const PRECISIONS = [
    ["float32", 2e-5],
    ["bfloat16", 2e-2],
  ] as const;

  describe.each(PRECISIONS)("in %s", (dtype, bound) => {
    test.each([
      [4, 24, 9, 7],
      [3, 5, 6, 6],
      [9, 32, 31, 33],
      [2, 1280, 3, 3],
    ])("batch norm of [%i, %i, %i, %i]", (...shape) => {
      for (const activation of ["identity", "relu", "silu", "relu6"] as const) {
        for (const batch of [true, false]) {
          for (const residual of activation === "silu" || activation === "relu6" ? [false] : [false, true]) {
            expectSame(
              onBoth((device) => {
                const channels = [shape[1]];
                const x = normal(shape, 1, device, dtype).requireGradient();
                const scale = normal(channels, 2, device).requireGradient();
                const shift = normal(channels, 3, device).requireGradient();
                const other = residual ? normal(shape, 4, device, dtype).requireGradient() : undefined;
                const runningMean = normal(channels, 5, device);
                const runningVariance = add_(mul(normal(channels, 6, device), 0.1), 1);
                const y = batchNorm(x, {
                  ...{ scale, shift, runningMean, runningVariance, batch, activation },
                  factor: 0.3,
                  epsilon: 1e-3,
                  residual: other,
                });
                const leaves = [x, scale, shift, ...(other ? [other] : [])];
                const store = new GradientStore(leaves);
                store.add(sum(mul(cast(y, "float32"), normal(shape, 7, device))));
                const gradients = store.read();
                const count = x.size / shape[1];
                // Sums over many values are compared by their size.
                return [
                  ...[y, gradients[0], gradients[3], runningMean, runningVariance],
                  ...gradients.slice(1, 3).map((gradient) => mul(gradient as Tensor, 1 / Math.sqrt(count))),
                ];
              }),
              bound,
            );
          }
        }
      }
    });

    test.each([
      [3, 1, [1, 1, 1, 1]],
      [3, 2, [0, 1, 0, 1]],
      [5, 1, [2, 2, 2, 2]],
      [5, 2, [1, 2, 2, 1]],
    ] as const)("depthwise convolution %ix%i", (size, stride, [left, right, top, bottom]) => {
      for (const [count, channels, height, width] of [
        [3, 5, 7, 9],
        [2, 48, 13, 10],
        [4, 72, 30, 14],
      ]) {
        expectSame(
          onBoth((device) => {
            const x = normal([count, channels, height, width], 1, device, dtype).requireGradient();
            const weight = normal([channels, 1, size, size], 2, device).requireGradient();
            const y = conv2d(x, weight, { stride, padding: { left, right, top, bottom }, groups: channels });
            const store = new GradientStore([x, weight]);
            store.add(sum(mul(cast(y, "float32"), normal(y.shape, 3, device))));
            const [gradX, gradWeight] = store.read() as Tensor[];
            return [y, gradX, mul(gradWeight, 1 / Math.sqrt(y.size / channels))];
          }),
          bound,
        );
      }
    });

    test.each([
      [4, 24, 9, 7],
      [3, 5, 6, 6],
      [5, 96, 28, 28],
    ])("squeeze and excitation, and the global average, of [%i, %i, %i, %i]", (...shape) => {
      expectSame(
        onBoth((device) => {
          const [channels, squeezed] = [shape[1], 6];
          const x = normal(shape, 1, device, dtype).requireGradient();
          const gate = [
            normal([squeezed, channels, 1, 1], 2, device).requireGradient(),
            normal([squeezed], 3, device).requireGradient(),
            normal([channels, squeezed, 1, 1], 4, device).requireGradient(),
            normal([channels], 5, device).requireGradient(),
          ] as const;
          const [y, mean] = [squeezeExcitation(x, ...gate), averagePool(x)];
          const store = new GradientStore([x, ...gate]);
          store.add(sum(mul(cast(y, "float32"), normal(y.shape, 9, device))));
          store.add(sum(mul(mean, normal(mean.shape, 8, device))));
          return [y, mean, ...store.read()];
        }),
        bound,
      );
    });

    test.each([
      [3, 9, 32, 2],
      [4, 16, 8, 1],
      [2, 64, 5, 2],
    ])("the first convolution, %i images of %i px to %i channels, stride %i", (count, side, outputs, stride) => {
      expectSame(
        onBoth((device) => {
          const x = normal([count, 3, side, side], 1, device, dtype).requireGradient();
          const weight = normal([outputs, 3, 3, 3], 2, device).requireGradient();
          const y = conv2d(x, weight, { stride, padding: { left: stride % 2, right: 1, top: stride % 2, bottom: 1 } });
          const store = new GradientStore([x, weight]);
          store.add(sum(mul(cast(y, "float32"), normal(y.shape, 3, device))));
          return [y, ...store.read()];
        }),
        bound,
      );
    });

    test("the first convolution as blocks of pixels, and max pooling", () => {
      expectSame(
        onBoth((device) => {
          const x = normal([3, 3, 37, 46], 1, device, dtype).requireGradient();
          const weight = normal([16, 3, 7, 7], 2, device).requireGradient();
          const y = conv2d(x, weight, { stride: 2, padding: 3 });
          const z = maxPool2d(relu(normal([3, 24, 19, 13], 4, device, dtype).requireGradient()), 3, 2, 1);
          const images = normal([3, 24, 19, 13], 5, device, dtype).requireGradient();
          const pooled = maxPool2d(images, 3, 2, 1);
          const store = new GradientStore([x, weight, images]);
          store.add(sum(mul(cast(y, "float32"), normal(y.shape, 3, device))));
          store.add(sum(mul(cast(pooled, "float32"), normal(pooled.shape, 3, device))));
          return [y, z, pooled, ...store.read()];
        }),
        bound,
      );
    });

    test("images", () => {
      const bytes = Uint8Array.from({ length: 4 * 7 * 5 * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
      expectSame(
        onBoth((device) => {
          const pixels = fromArray(bytes, [4, 7, 5, 3], undefined, device);
          const [samples, streams] = [
            [0, 7, 2 ** 32 - 1, 12345],
            [0, 1, 2, 3],
          ].map((values) => fromArray(values, [4], "int64", device));
          const drawn = { crop: 2, flip: true, seed: 2 ** 40, epoch: 3 };
          const augmented = augmentedImages(pixels, samples, streams, drawn);
          const images = imagesFromBytes(pixels, "float32").requireGradient();
          const [mean, deviation] = [
            [0.5, 0.4, 0.3],
            [0.2, 0.3, 0.4],
          ].map((values) => fromArray(values, [1, 3, 1, 1], "float32", device));
          const y = normalizePixels(images, mean, deviation, dtype);
          const store = new GradientStore([images]);
          store.add(sum(mul(cast(y, "float32"), normal(y.shape, 3, device))));
          const [gradient] = store.read() as Tensor[];
          return [augmented, y, gradient, linfStep(images, gradient, images, [1 / 255], 4 / 255)];
        }),
        bound,
      );
    });
  });

  test("keyed numbers are the CPU's, bit for bit", () => {
    const samples = (device: Device) => fromArray([0, 7, 2 ** 32 - 1], [3], "int64", device);
    const key = { seed: 2 ** 40 + 3, epoch: 3, purpose: Purpose.attackStart, stream: 1 };
    const pairs = onBoth((device) => [
      keyedUniform(samples(device), [3, 5, 6], key),
      keyedUniform(samples(device), [7], key),
      keyedIntegers(samples(device), 10, key, 5),
    ]);
    for (const [actual, expected] of pairs) expect(actual).toEqual(expected);
  });

  const DECAY = { weightDecay: 0.01, decays: ({ kind }: Parameter) => kind === "weight" };
  const RULES: Readonly<Record<string, (parameters: readonly NamedParameter[]) => Optimizer>> = {
    sgd: (all) => new Sgd(all, { ...DECAY, momentum: 0.9, nesterov: true }),
    rmsprop: (all) => new RmsProp(all, { ...DECAY, decay: 0.9, momentum: 0.8, epsilon: 1e-3 }),
    adamw: (all) => new AdamW(all, { ...DECAY, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }),
  };

  test.each(Object.entries(RULES))("%s, three steps, and the gradients' norm", (_name, make) => {
    const shapes = [[30, 5, 3, 3], [7], [65, 640], [1]];
    expectSame(
      onBoth((device) => {
        const named = shapes.map((shape, i): NamedParameter => {
          const parameter = new Parameter(shape, "weight", () => {});
          const random = new KeyedRandom(1, 1, 0, 0, i);
          parameter.allocate(
            Float32Array.from({ length: parameter.size }, (_, j) => random.normal(j)),
            "float32",
            device,
          );
          return [`p${i}`, parameter];
        });
        const optimizer = make(named);
        const norms = [1, 2, 3].map((step) => {
          const gradients = shapes.map((shape, i) => channelsLast(normal(shape, 10 * step + i, device)));
          optimizer.step(gradients, 0.1 / step);
          return normOfAll(gradients);
        });
        return [...named.map(([, { data }]) => data), ...norms];
      }),
      5e-6,
    );
  });

  const SIDE = 32;
  const batchOf = (step: number, count = 8) => ({
    pixels: Uint8Array.from(
      { length: count * SIDE * SIDE * 3 },
      (_, i) => Math.imul(i + 7919 * step, 2654435761) >>> 24,
    ),
    labels: Int32Array.from({ length: count }, (_, i) => i % 3),
    samples: Uint32Array.from({ length: count }, (_, i) => count * step + i),
    pending: {
      ...{ crop: 2, flip: true, seed: 0, epoch: Math.floor(step / 4), views: 1 },
      streams: Uint32Array.from({ length: count }, (_, i) => i + step),
    },
    height: SIDE,
    width: SIDE,
  });

  const NETWORKS: Readonly<Record<string, () => Classifier>> = {
    resnet8: () => createClassifier("resnet8", { classes: ["a", "b", "c"], routes: ["aux"], imageSize: SIDE }),
    efficientnet: () => {
      const network = new EfficientNet({ width: 0.5, depth: 0.5, dropout: 0.2 }, 3, normFactory(["aux"]));
      const specification = {
        name: "small",
        classes: ["a", "b", "c"],
        routes: ["aux"],
        imageSize: SIDE,
        view: defaultView(SIDE),
      };
      return new Classifier(network, { ...specification, normalization: NORMALIZATIONS.half });
    },
  };

  /** Losses and gradient norms of a few AdvProp updates; where `graphs`, as CUDA graphs where they can be. */
  function train(
    name: string,
    dtype: DType,
    device: Device,
    { graphs = false, steps = 3, threatModel = linf(8 / 255), stepSize = 2 / 255 } = {},
  ): number[] {
    return scope(() => {
      const model = NETWORKS[name]().initialize(1, dtype, device);
      const named = Array.from(model.network.namedParameters());
      const gradients = new GradientStore(named.map(([, { value }]) => value));
      const optimizer = RULES.sgd(named);
      const attack = pgd({ threatModel, stepSize, steps: 3, target: "random", randomStart: true });
      const step = (given: Parameters<typeof advPropStep>[1]) =>
        advPropStep({ model, attack, gradients, labelSmoothing: 0.1 }, given);
      const captured = graphs ? new CapturedStep(model, step, gradients) : undefined;
      const measures: number[] = [];
      for (let i = 0; i < steps; i++) {
        if (i === 2) {
          // As later in a training, when graphs are captured.
          for (const [key, tensor] of model.network.state()) if (key.endsWith("num_batches_tracked")) add_(tensor, 200);
        }
        const context = { seed: 0, epoch: Math.floor(i / 4), step: i, rate: 1e-3, saved: 0 };
        const { metrics, gradientNorm } = update(
          { step, captured, gradients, optimizer, device },
          [batchOf(i)],
          context,
        );
        measures.push(metrics.cleanLoss ?? 0, metrics.adversarialLoss ?? 0, gradientNorm);
      }
      const tracked = model.network.state().get("bn1.aux_bn.0.num_batches_tracked") as Tensor;
      return [
        ...measures,
        tracked.item(),
        ...(model.network.state().get("bn1.aux_bn.0.running_mean") as Tensor).toNumbers(),
      ];
    });
  }

  test("AdvProp updates of resnet8", () => {
    for (const [dtype, bound] of [
      ["float32", 5e-3],
      ["bfloat16", 5e-2],
    ] as const) {
      // A pixel whose attack gradient is nearly zero may step the other way, which no two implementations agree on.
      expect(difference(train("resnet8", dtype, GPU), train("resnet8", dtype, "cpu")), dtype).toBeLessThan(bound);
    }
  });

  test("the first AdvProp update of an EfficientNet", () => {
    // The next ones go apart: with statistics of eight images, even float32 and float64 do on one processor.
    const [actual, expected] = ([GPU, "cpu"] as const).map((device) =>
      train("efficientnet", "float32", device, { steps: 1 }).slice(0, 3),
    );
    expected.forEach((value, i) => {
      expect(Math.abs(actual[i] / value - 1), `measure ${i}`).toBeLessThan(5e-3);
    });
  });

  describe.skipIf(!canCapture(GPU))("CUDA graphs", () => {
    test.each(Object.keys(NETWORKS))("updates of %s are those without graphs, over two epochs", (name) => {
      for (const dtype of ["float32", "bfloat16"] as const) {
        const [actual, expected] = [true, false].map((graphs) => train(name, dtype, GPU, { graphs, steps: 10 }));
        expect(difference(actual, expected), dtype).toBeLessThan(dtype === "float32" ? 5e-3 : 5e-2);
      }
    });

    test("with an attack in L2, which is not captured, updates are those without graphs", () => {
      const attack = { threatModel: l2(0.5), stepSize: 0.2, steps: 5 };
      const [actual, expected] = [true, false].map((graphs) => train("resnet8", "float32", GPU, { graphs, ...attack }));
      expect(difference(actual, expected)).toBeLessThan(5e-3);
    });

    test("a replay reads what its tensors hold now", () => {
      scope(() => {
        const x = fromArray([1, 2, 3], [3], "float32", GPU);
        let y: Tensor | undefined;
        const graph = DeviceGraph.capture(GPU, () => {
          y = keep(mul(x, 2));
        });
        for (const values of [
          [2, 4, 6],
          [4, 6, 8],
        ]) {
          graph.replay();
          expect((y as Tensor).toNumbers()).toEqual(values);
          add_(x, 1);
        }
        graph.dispose();
        (y as Tensor).dispose();
      });
    });

    test("reading while something is captured is an error, after which all goes on", () => {
      scope(() => {
        const x = fromArray([1, 2, 3], [3], "float32", GPU);
        expect(() => DeviceGraph.capture(GPU, () => void mul(x, 2).toNumbers())).toThrow();
        expect(mul(x, 3).toNumbers()).toEqual([3, 6, 9]);
      });
    });
  });

  // More than one rank needs more than one GPU.
  test("one rank sums and broadcasts its tensors where they lie", () => {
    joinGroup({ rank: 0, size: 1, host: "127.0.0.1", port: 29_517, generation: "gpu", name: "test", seconds: 30 });
    scope(() => {
      const x = fromArray([1, 2, 3], [3], "float32", GPU);
      new PendingSum([x]).finish(0.5);
      expect(x.toNumbers()).toEqual([0.5, 1, 1.5]);
      broadcast([x]);
      expect(x.toNumbers()).toEqual([0.5, 1, 1.5]);
    });
    leaveGroup();
  });
});
