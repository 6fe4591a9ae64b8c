/** From 8-bit pixels to a network's input, against plain operators in float64. */
import { describe, expect, test } from "vitest";
import { call, type DType, fromArray, gradientOf, scope, type Tensor } from "../../../src/tensor/index.js";
import {
  add,
  cast,
  channelsLast,
  detach,
  div,
  imagesFromBytes,
  keyedUniform,
  mul,
  normalizePixels,
  reshape,
  sub,
  sum,
} from "../../../src/tensor/operators.js";
import { maxDifference } from "../../support/golden.js";

describe("imagesFromBytes", () => {
  test.each(["float32", "float64"] as const)("is every byte over 255, channels-last, in %s", (dtype) =>
    scope(() => {
      const bytes = Uint8Array.from({ length: 2 * 8 * 16 * 3 }, (_, i) => i % 256);
      const images = imagesFromBytes(fromArray(bytes, [2, 8, 16, 3]), dtype);
      expect(images.shape).toEqual([2, 3, 8, 16]);
      expect(images.strides).toEqual([384, 1, 48, 3]);
      const round = dtype === "float32" ? Math.fround : (value: number) => value;
      const values = call("aten::permute", [images, [0, 2, 3, 1]]).toNumbers();
      expect(values).toEqual(Array.from(bytes, (byte) => round(byte / 255)));
    }),
  );

  test("what are no images of bytes is refused", () =>
    scope(() => {
      expect(() => imagesFromBytes(fromArray(new Uint8Array(6), [2, 3]), "float32")).toThrow(/uint8 \[N, H, W, C\]/);
      expect(() => imagesFromBytes(fromArray(new Float32Array(6), [1, 1, 2, 3]), "float32")).toThrow(/uint8/);
    }));
});

describe("normalizePixels", () => {
  test("takes a mean that is a view with gaps", () =>
    scope(() => {
      const images = channelsLast(fromArray(new Array(3 * 4).fill(0), [1, 3, 2, 2], "float32"));
      const six = fromArray([1, -100, 2, -100, 3, -100], [1, 6, 1, 1], "float32");
      const mean = call("aten::slice.Tensor", [six, 1, 0, 6, 2]);
      const one = fromArray([1, 1, 1], [1, 3, 1, 1], "float32");
      const result = normalizePixels(images, mean, one, "float32").toNumbers();
      expect([...new Set(result)].sort()).toEqual([-1, -2, -3]);
    }));

  const draw = (shape: readonly number[], stream: number): Tensor => {
    const samples = fromArray(
      Array.from({ length: shape[0] }, (_, i) => i),
      [shape[0]],
      "int64",
    );
    return keyedUniform(samples, shape.slice(1), { seed: 3, epoch: 0, purpose: 13, stream });
  };

  const cases = [
    [1, 1, 1, 1],
    [1, 3, 1, 1],
    [2, 3, 5, 7],
    [3, 1, 4, 9],
    [2, 5, 3, 3],
    [1, 3, 32, 32],
  ].flatMap((shape) => (["float32", "bfloat16", "float64"] as const).map((dtype) => [dtype, shape] as const));

  test.each(cases)("is (x - mean) / deviation with its gradient, in %s %j", (dtype, shape) =>
    scope(() => {
      const parameters = (precise: DType) =>
        [0, 0.3].map((shift, i) => {
          const values = add(draw([shape[1], 1, 1, 1], 5 + i), shift);
          return cast(reshape(values, [1, shape[1], 1, 1]), precise);
        });
      const run = (precise: DType, operator: (x: Tensor, mean: Tensor, deviation: Tensor) => Tensor) => {
        const x = detach(cast(draw(shape, 0), precise)).requireGradient();
        const [mean, deviation] = parameters(precise);
        const y = operator(x, mean, deviation);
        const weight = cast(draw(shape, 1), y.dtype);
        const gradient = gradientOf(sum(cast(mul(y, weight), "float64")), x);
        return { y, gradient };
      };
      const precise = dtype === "float64" ? "float64" : "float32";
      const ours = run(precise, (x, mean, deviation) => normalizePixels(x, mean, deviation, dtype));
      const exact = run("float64", (x, mean, deviation) => div(sub(x, mean), deviation));
      const tolerance = { float32: 2e-6, bfloat16: 4e-2, float64: 1e-14 }[dtype];
      expect([ours.y.dtype, ours.gradient.dtype]).toEqual([dtype, precise]);
      expect(maxDifference(ours.y.toNumbers(), exact.y.toNumbers())).toBeLessThan(tolerance);
      expect(maxDifference(ours.gradient.toNumbers(), exact.gradient.toNumbers())).toBeLessThan(tolerance);
    }),
  );

  test("takes images of any layout", () =>
    scope(() => {
      const x = draw([2, 3, 5, 7], 0);
      const [mean, deviation] = [0.4, 0.2].map((value) => call("aten::full", [[1, 3, 1, 1], value, "float32"]));
      const wanted = normalizePixels(x, mean, deviation, "bfloat16").toNumbers();
      const plain = normalizePixels(call("aten::contiguous", [x]), mean, deviation, "bfloat16");
      expect(plain.toNumbers()).toEqual(wanted);
      const rows = call("aten::slice.Tensor", [channelsLast(x), 0, 1, 2]);
      expect(normalizePixels(rows, mean, deviation, "bfloat16").toNumbers()).toEqual(wanted.slice(105));
    }));
});
