/** One step of an attack as an operator: against the formula in float64, at every length and layout. */
import { afterEach, describe, expect, test } from "vitest";
import { call, engineInfo, fromArray, scope, setThreads, type Tensor } from "../../../src/tensor/index.js";
import { cast, channelsLast, keyedUniform, l2Step, linfStep } from "../../../src/tensor/operators.js";
import { maxDifference } from "../../support/golden.js";

const { threads } = engineInfo();
afterEach(() => setThreads(threads));

/** Lengths off the vector's, one pixel, one channel, one image. */
const SHAPES = [
  [1, 1, 1, 1],
  [3, 1, 1, 1],
  [2, 3, 5, 7],
  [1, 3, 32, 32],
  [4, 2, 4, 4],
  [3, 17],
];

function draw(shape: readonly number[], stream: number): Tensor {
  const samples = fromArray(
    Array.from({ length: shape[0] }, (_, i) => i),
    [shape[0]],
    "int64",
  );
  return keyedUniform(samples, shape.slice(1), { seed: 3, epoch: 0, purpose: 13, stream });
}

const points = (shape: readonly number[]) => ({
  x: draw(shape, 0),
  gradient: call("aten::sub.Scalar", [draw(shape, 1), 0.5]),
  images: draw(shape, 2),
});

type Step = typeof linfStep;

/** The formulas, image by image. */
const FORMULAS: Record<string, { readonly operator: Step; readonly expected: typeof linf }> = {
  linfStep: { operator: linfStep, expected: linf },
  l2Step: { operator: l2Step, expected: l2 },
};

const clip = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));
const length = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

function linf(x: number[], gradient: number[], images: number[], size: number, epsilon: number): number[] {
  return x.map((value, i) =>
    clip(clip(value + size * Math.sign(gradient[i]), images[i] - epsilon, images[i] + epsilon), 0, 1),
  );
}

function l2(x: number[], gradient: number[], images: number[], size: number, epsilon: number): number[] {
  const norm = length(gradient);
  const delta = x.map((value, i) => value + (norm === 0 ? 0 : (size * gradient[i]) / norm) - images[i]);
  const factor = Math.min(1, epsilon / length(delta));
  return delta.map((value, i) => clip(images[i] + factor * value, 0, 1));
}

describe.each(Object.entries(FORMULAS))("%s", (_, { operator, expected }) => {
  /** The formula with a size for each image. */
  const formula = (x: Tensor, gradient: Tensor, images: Tensor, sizes: readonly number[], epsilon: number) => {
    const [a, g, b] = [x, gradient, images].map((tensor) => tensor.toNumbers());
    const values = a.length / x.shape[0];
    return Array.from({ length: x.shape[0] }, (_, n) => {
      const part = (all: number[]) => all.slice(n * values, (n + 1) * values);
      return expected(part(a), part(g), part(b), sizes.length === 1 ? sizes[0] : sizes[n], epsilon);
    }).flat();
  };

  test.each(SHAPES)("is its formula at %j, %j, %j, %j", (...shape) =>
    scope(() => {
      const { x, gradient, images } = points(shape.filter((one) => one !== undefined));
      for (const epsilon of [0.02, 0.3, 4]) {
        for (const sizes of [[0.1], [-0.1], Array.from({ length: x.shape[0] }, (_, n) => 0.05 * (n + 1))]) {
          const wanted = formula(x, gradient, images, sizes, epsilon);
          const ours = operator(x, gradient, images, sizes, epsilon);
          expect(maxDifference(ours.toNumbers(), wanted)).toBeLessThan(1e-6);
          const [wx, wg, wi] = [x, gradient, images].map((tensor) => cast(tensor, "float64"));
          expect(maxDifference(operator(wx, wg, wi, sizes, epsilon).toNumbers(), wanted)).toBeLessThan(1e-7);
        }
      }
    }),
  );

  test("takes tensors of any strides, and gives the layout of x", () =>
    scope(() => {
      const { x, gradient, images } = points([3, 3, 6, 5]);
      const wanted = operator(x, gradient, images, [0.1], 0.2);
      const plain = (tensor: Tensor) => call("aten::contiguous", [tensor]);
      expect(operator(plain(x), gradient, images, [0.1], 0.2).toNumbers()).toEqual(wanted.toNumbers());
      expect(operator(x, plain(gradient), plain(images), [0.1], 0.2).strides).toEqual(x.strides);
      expect(operator(x, plain(gradient), plain(images), [0.1], 0.2).toNumbers()).toEqual(wanted.toNumbers());
      const rows = (tensor: Tensor) => call("aten::slice.Tensor", [tensor, 0, 1, 3]);
      expect(operator(rows(x), rows(gradient), rows(images), [0.1], 0.2).toNumbers()).toEqual(
        wanted.toNumbers().slice(90),
      );
      const every = (tensor: Tensor) => call("aten::slice.Tensor", [tensor, 3, 0, undefined, 2]);
      const thin = operator(every(x), every(gradient), every(images), [0.1], 4);
      const copies = [x, gradient, images].map((tensor) => channelsLast(call("aten::clone", [every(tensor)])));
      expect(
        maxDifference(thin.toNumbers(), operator(copies[0], copies[1], copies[2], [0.1], 4).toNumbers()),
      ).toBeLessThan(1e-6);
    }));

  test.each(["float32", "float64"] as const)(
    "a zero gradient moves nothing, and one that is no number shows, in %s",
    (dtype) =>
      scope(() => {
        const { x, images } = points([2, 3, 4, 4]);
        const gradient = new Float64Array(96);
        const step = (values: Float64Array) =>
          operator(
            cast(x, dtype),
            channelsLast(cast(fromArray(values, [2, 3, 4, 4]), dtype)),
            cast(images, dtype),
            [0.1],
            0.5,
          ).toNumbers();
        expect(
          maxDifference(step(gradient), formula(x, fromArray(gradient, [2, 3, 4, 4]), images, [0.1], 0.5)),
        ).toBeLessThan(1e-6);
        gradient[50] = Number.NaN;
        const after = step(gradient);
        expect(after[50]).toBeNaN();
        expect(after.slice(0, 48).every(Number.isFinite)).toBe(true);
      }),
  );

  test("tiny gradients keep their direction", () =>
    scope(() => {
      const { x, gradient, images } = points([2, 3, 4, 4]);
      const tiny = call("aten::mul.Scalar", [gradient, 1e-30]);
      expect(
        maxDifference(
          operator(x, tiny, images, [0.1], 0.5).toNumbers(),
          operator(x, gradient, images, [0.1], 0.5).toNumbers(),
        ),
      ).toBeLessThan(1e-6);
    }));

  test("does not depend on the threads", () =>
    scope(() => {
      const { x, gradient, images } = points([5, 3, 64, 64]);
      setThreads(1);
      const one = operator(x, gradient, images, [0.1], 0.2).toNumbers();
      setThreads(3);
      expect(operator(x, gradient, images, [0.1], 0.2).toNumbers()).toEqual(one);
    }));

  test("what does not fit is refused", () =>
    scope(() => {
      const { x, gradient, images } = points([3, 3, 4, 4]);
      expect(() => operator(x, draw([3, 3, 4, 5], 0), images, [0.1], 0.2)).toThrow(/must have one shape/);
      expect(() => operator(x, gradient, images, [0.1, 0.2], 0.2)).toThrow(/one for each of the 3; got 2/);
    }));
});
