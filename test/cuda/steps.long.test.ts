/** The CUDA kernels of everything but layers, emulated, against what the CPU does in their place. */
import { beforeAll, describe, expect, test } from "vitest";
import { Parameter, type ParameterKind } from "../../src/nn/parameter.js";
import { AdamW } from "../../src/optim/adamw.js";
import type { NamedParameter, Optimizer } from "../../src/optim/optimizer.js";
import { RmsProp } from "../../src/optim/rmsprop.js";
import { Sgd } from "../../src/optim/sgd.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { fromArray, gradientOf, scope, type Tensor } from "../../src/tensor/index.js";
import { native } from "../../src/tensor/native.js";
import {
  augmentedImages,
  cast,
  clone,
  div,
  imagesFromBytes,
  keyedIntegers,
  keyedUniform,
  linfStep,
  mul,
  normalizePixels,
  permute,
  sub,
  sum,
} from "../../src/tensor/operators.js";
import { callUntyped } from "../support/call.js";
import { canEmulate, difference, emulated, expectClose, loadEmulation } from "../support/emulated.js";

const SAMPLES = [0, 7, 2 ** 32 - 1, 12345];
const samples = (): Tensor => fromArray(SAMPLES, [SAMPLES.length], "int64");

/** Normal numbers, channels-last where 4-D. */
function normal(shape: readonly number[], stream: number): Tensor {
  const random = new KeyedRandom(3, 1, 0, 0, stream);
  const count = shape.reduce((product, length) => product * length, 1);
  const values = Array.from({ length: count }, (_, i) => random.normal(i));
  if (shape.length !== 4) return fromArray(values, shape);
  return permute(fromArray(values, [shape[0], shape[2], shape[3], shape[1]]), [0, 3, 1, 2]);
}

describe.skipIf(!canEmulate)("keyed numbers on a GPU, emulated", () => {
  beforeAll(loadEmulation, 300_000);

  const KEYS = [
    { seed: 0, epoch: 0, purpose: 0, stream: 0 },
    { seed: 2 ** 53 - 1, epoch: 2 ** 32 - 1, purpose: 255, stream: 2 ** 24 - 1 },
    { seed: 2 ** 32, epoch: 3, purpose: Purpose.attackStart, stream: 1 },
  ];

  test.each(KEYS)("are those of the CPU, bit for bit: %j", (key) => {
    for (const shape of [[], [1], [7], [3, 5, 6], [16, 2, 3], [1, 1, 1], [2, 3, 4, 5], [0, 3, 3]]) {
      for (const dtype of ["float32", "float64"] as const) {
        const draw = () => keyedUniform(samples(), shape, key, dtype);
        // Where there is nothing to draw, there is nothing to run.
        const actual = shape.includes(0) ? draw() : emulated(draw);
        const expected = draw();
        expect(actual).toMatchObject({ shape: expected.shape, strides: expected.strides, dtype });
        expect(actual.toNumbers()).toEqual(expected.toNumbers());
      }
    }
    for (const [bound, draw] of [
      [1, 0],
      [10, 5],
      [2 ** 31, 2 ** 32 - 1],
    ]) {
      const integers = () => keyedIntegers(samples(), bound, key, draw).toNumbers();
      expect(emulated(integers)).toEqual(integers());
    }
  });
});

describe.skipIf(!canEmulate)("images on a GPU, emulated", () => {
  beforeAll(loadEmulation, 300_000);

  const [height, width] = [7, 5];
  const MEAN = [0.4914, 0.4822, 0.4465];
  const DEVIATION = [0.247, 0.2435, 0.2616];
  const bytes = Uint8Array.from(
    { length: SAMPLES.length * height * width * 3 },
    (_, i) => Math.imul(i, 2654435761) >>> 24,
  );
  const pixels = () => fromArray(bytes, [SAMPLES.length, height, width, 3]);

  test.each(["float32", "bfloat16"] as const)("8-bit pixels in %s", (dtype) => {
    const read = () => imagesFromBytes(pixels(), dtype);
    const [actual, expected] = [emulated(read), read()];
    expect(actual).toMatchObject({ shape: expected.shape, strides: expected.strides, dtype });
    expect(difference(actual, expected)).toBeLessThan(dtype === "float32" ? 1e-9 : 1e-2);
  });

  test("8-bit pixels, cut and mirrored", () => {
    const streams = fromArray([3, 0, 2 ** 24 - 1, 1], [SAMPLES.length], "int64");
    const augmented = (crop: number, flip: boolean) =>
      augmentedImages(pixels(), samples(), streams, { crop, flip, seed: 2 ** 53 - 1, epoch: 2 });
    for (const [crop, flip] of [
      [4, true],
      [0, true],
      [2, false],
      [0, false],
      [20, true],
    ] as const) {
      const [actual, expected] = [emulated(() => augmented(crop, flip)), augmented(crop, flip)];
      expect(actual).toMatchObject({ shape: expected.shape, strides: expected.strides, dtype: "float32" });
      expect(actual.toNumbers()).toEqual(expected.toNumbers());
    }
    expect(augmented(4, true).toNumbers()).not.toEqual(augmented(4, false).toNumbers());
  });

  test.each([
    ["float32", 1e-6],
    ["bfloat16", 1e-2],
  ] as const)("the normalisation to %s and its gradient", (dtype, bound) => {
    const images = normal([4, 3, 5, 3], 1).requireGradient();
    const slopes = normal([4, 3, 5, 3], 2);
    const [mean, deviation] = [MEAN, DEVIATION].map((values) => fromArray(values, [1, 3, 1, 1]));
    const y = emulated(() => normalizePixels(images, mean, deviation, dtype));
    expect(difference(y, div(sub(images, mean), deviation))).toBeLessThan(bound);
    const gradient = emulated(() => gradientOf(sum(mul(y, cast(slopes, dtype))), images));
    expect(gradient.dtype).toBe("float32");
    expect(difference(gradient, div(slopes, deviation))).toBeLessThan(bound);
  });

  test.each([
    [4, 3, 8, 8],
    [4, 3, 5, 3],
  ])("a step of an attack, in one pass: [%i, %i, %i, %i]", (...shape) => {
    const key4 = { seed: 1, epoch: 0, purpose: 1 };
    const images = keyedUniform(samples(), shape.slice(1), key4);
    const x = keyedUniform(samples(), shape.slice(1), { ...key4, purpose: 2 });
    // A third of the gradient is zero.
    const draws = keyedUniform(samples(), shape.slice(1), { ...key4, purpose: 3 });
    const gradient = callUntyped("aten::round", [sub(mul(draws, 3), 1.5)]);
    for (const size of [0.125, -0.125]) {
      const step = () => linfStep(x, gradient, images, [size], 0.3);
      expect(difference(emulated(step), step())).toBeLessThan(1e-7);
    }
    const damaged = mul(gradient, Number.NaN);
    expect(
      emulated(() => linfStep(x, damaged, images, [0.1], 0.3))
        .toNumbers()
        .every(Number.isNaN),
    ).toBe(true);
  });
});

/** A parameter, in a network's dtype, with values that the stream decides. */
function parameterOf(shape: readonly number[], kind: ParameterKind, stream: number): Parameter {
  const parameter = new Parameter(shape, kind, () => {});
  parameter.allocate(normal([parameter.size], stream).toArray() as Float32Array, "float32");
  return parameter;
}

// The largest is in two chunks; others are no multiple of a pack.
const PARAMETERS = [
  [[3, 5, 3, 3], "weight"],
  [[7], "norm"],
  [[65, 64], "weight"],
  [[1], "bias"],
] as const;

const DECAY = { weightDecay: 0.01, decays: ({ kind }: Parameter) => kind === "weight" };

const RULES: Readonly<Record<string, (parameters: readonly NamedParameter[]) => Optimizer>> = {
  "sgd without momentum": (all) => new Sgd(all, { ...DECAY, momentum: 0, nesterov: false }),
  sgd: (all) => new Sgd(all, { ...DECAY, momentum: 0.9, nesterov: false }),
  nesterov: (all) => new Sgd(all, { ...DECAY, momentum: 0.9, nesterov: true }),
  rmsprop: (all) => new RmsProp(all, { ...DECAY, decay: 0.9, momentum: 0.8, epsilon: 1e-3 }),
  adamw: (all) => new AdamW(all, { ...DECAY, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }),
};

describe.skipIf(!canEmulate)("optimisers on a GPU, emulated", () => {
  beforeAll(loadEmulation, 300_000);

  test.each(Object.entries(RULES))("%s, three steps", (_name, make) => {
    const run = () =>
      scope(() => {
        const parameters = PARAMETERS.map(([shape, kind], i) => parameterOf(shape, kind, i));
        const optimizer = make(parameters.map((parameter, i) => [`p${i}`, parameter]));
        const before = parameters.map(({ data }) => native.version(data));
        for (let step = 0; step < 3; step++) {
          // Laid out in any way, as backward passes leave them.
          const gradients = parameters.map(({ data }, i) => clone(normal(data.shape, 10 * step + i)));
          optimizer.step(gradients, 0.1 / (step + 1));
        }
        // Copies in bfloat16 are written anew when this says so.
        parameters.forEach(({ data }, i) => {
          expect(native.version(data)).toBeGreaterThan(before[i]);
        });
        const state = Array.from(optimizer.state().values());
        return [...parameters.map(({ data }) => data), ...state].map((tensor) => tensor.toNumbers());
      });
    const [actual, expected] = [emulated(run), run()];
    expectClose(actual, expected, 2e-6);
  });
});
