/** Bytes in and out: every dtype, any strides, C order. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { call, type DType, fromArray, scalar, scope, type TypedArray } from "../../src/tensor/index.js";
import { cast, channelsLast, permute } from "../../src/tensor/operators.js";
import { callUntyped } from "../support/call.js";
import { error } from "../support/errors.js";

const bigints = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 70 });
const ARRAYS: [DType, fc.Arbitrary<TypedArray>][] = [
  ["float32", fc.float32Array({ maxLength: 70 })],
  ["float64", fc.float64Array({ maxLength: 70 })],
  ["bfloat16", fc.uint16Array({ maxLength: 70 })],
  ["int64", bigints.map((values) => BigInt64Array.from(values))],
  ["int32", fc.int32Array({ maxLength: 70 })],
  ["uint8", fc.uint8Array({ maxLength: 70 })],
  ["bool", fc.uint8Array({ maxLength: 70, max: 1 })],
];

describe("round trip", () => {
  test.each(ARRAYS)("%s", (dtype, arrays) => {
    fc.assert(
      fc.property(arrays, (values) =>
        scope(() => {
          const tensor = fromArray(values, [values.length], dtype);
          expect(tensor.dtype).toBe(dtype);
          const back = tensor.toArray();
          expect(back.constructor).toBe(values.constructor);
          // Compared as bytes, so that NaN payloads count too.
          expect(Buffer.from(back.buffer)).toEqual(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
        }),
      ),
    );
  });

  test.each(ARRAYS.map(([dtype]) => dtype))("%s of no element, of one, and a scalar", (dtype) => {
    expect(fromArray([], [0], dtype).toNumbers()).toEqual([]);
    expect(fromArray([], [3, 0, 2], dtype)).toMatchObject({ shape: [3, 0, 2], size: 0 });
    expect(fromArray([1], [1, 1, 1], dtype).toNumbers()).toEqual([1]);
    expect(scalar(1, dtype)).toMatchObject({ shape: [], size: 1 });
    expect(scalar(1, dtype).item()).toBe(1);
  });

  test("a copy both ways, from views into larger buffers too", () => {
    const values = new Float32Array([9, 1, 2, 3, 9]).subarray(1, 4);
    const tensor = fromArray(values);
    values[0] = 100;
    const out = tensor.toArray();
    out[1] = 100;
    expect(tensor.toNumbers()).toEqual([1, 2, 3]);
    expect(out.buffer.byteLength).toBe(12);
  });
});

describe("strided views come out in C order", () => {
  /** Each element is its flat index, so that a view's elements tell where they came from. */
  const numbered = (shape: readonly number[]) =>
    fromArray(
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i),
      shape,
    );
  const places = (lengths: readonly number[]): number[][] =>
    lengths.reduce<number[][]>(
      (all, length) => all.flatMap((place) => Array.from({ length }, (_, i) => [...place, i])),
      [[]],
    );
  const views = fc.record({
    shape: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 4, maxLength: 4 }),
    axes: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
    axis: fc.nat(3),
    step: fc.integer({ min: 1, max: 3 }),
    last: fc.boolean(),
  });

  test("permuted, sliced with steps, and channels-last", () => {
    fc.assert(
      fc.property(views, ({ shape, axes, axis, step, last }) =>
        scope(() => {
          const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
          const source = last ? channelsLast(numbered(shape)) : numbered(shape);
          const view = call("aten::slice.Tensor", [permute(source, axes), axis, 0, undefined, step]);
          const lengths = axes.map((from, i) => (i === axis ? Math.ceil(shape[from] / step) : shape[from]));
          expect(view.shape).toEqual(lengths);
          const expected = places(lengths).map((place) =>
            place.reduce((sum, at, i) => sum + strides[axes[i]] * at * (i === axis ? step : 1), 0),
          );
          expect(view.toNumbers()).toEqual(expected);
        }),
      ),
    );
  });

  test("repeated by a stride of zero, and from an offset", () => {
    expect(callUntyped("aten::expand", [fromArray([1, 2]), [2, 2]]).toNumbers()).toEqual([1, 2, 1, 2]);
    expect(call("aten::select.int", [fromArray([1, 2, 3, 4], [2, 2]), 1, 1]).toNumbers()).toEqual([2, 4]);
  });
});

describe("bfloat16 rounds to nearest, ties to even, as libtorch does", () => {
  test.each([
    [1, 0x3f80],
    [-0, 0x8000],
    [1 + 2 ** -8, 0x3f80], // half way between 1 and 1 + 2^-7: the even one
    [1 + 3 * 2 ** -8, 0x3f82], // half way: the even one, upwards
    [1 + 2 ** -8 + 2 ** -20, 0x3f81], // just above half way
    [3.4e38, 0x7f80], // above the largest finite number by more than half a step
    [-Infinity, 0xff80],
    [2 ** -133, 0x0001], // the smallest subnormal
    [2 ** -134, 0x0000], // half of it: even
  ])("%d is %i", (value, bits) => {
    expect(fromArray([value], [1], "bfloat16").toArray()[0]).toBe(bits);
  });

  test("NaN stays NaN", () => {
    expect(fromArray([Number.NaN], [1], "bfloat16").toNumbers()).toEqual([Number.NaN]);
  });

  test("every float32 alike", () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 1, maxLength: 40, noNaN: true }), (values) =>
        scope(() => {
          const ours = fromArray([...values], [values.length], "bfloat16");
          expect(ours.toArray()).toEqual(cast(fromArray(values), "bfloat16").toArray());
          expect(ours.toNumbers()).toEqual(cast(ours, "float32").toNumbers());
        }),
      ),
    );
  });
});

describe("numbers are converted, or refused", () => {
  test("truth to bool, from numbers and from bytes", () => {
    expect(fromArray([0, 2, -1], [3], "bool").toArray()).toEqual(new Uint8Array([0, 1, 1]));
    expect(fromArray(new Uint8Array([0, 7]), [2], "bool").toArray()).toEqual(new Uint8Array([0, 1]));
  });

  test.each([
    ["uint8", 256],
    ["uint8", -1],
    ["int32", 2 ** 31],
    ["int64", 0.5],
    ["int64", 2 ** 53],
    ["int32", Number.NaN],
  ] as const)("%s does not take %d", (dtype, value) => {
    expect(() => fromArray([1, value], [2], dtype)).toThrow(error("ERR_VALUE", new RegExp(`${dtype}.*got ${value}`)));
  });

  test("shapes that do not fit the data", () => {
    const data = new Float32Array(6);
    expect(() => fromArray(data, [2, 4])).toThrow(
      error("ERR_SHAPE", /^fromArray: shape and dtype need 32 bytes; the data has 24$/),
    );
    expect(() => fromArray(data, [-2, -3])).toThrow(error("ERR_SHAPE", /must not be negative; got -2/));
    expect(() => fromArray(data, [1.5, 4])).toThrow(error("ERR_ARGUMENT", /shape must be a safe integer/));
    // Products that wrap around to the right number of bytes.
    const none = new Float32Array(0);
    expect(() => fromArray(none, [2 ** 32, 2 ** 32])).toThrow(error("ERR_SHAPE", /too many bytes/));
    expect(() => fromArray(none, [2 ** 52, 2 ** 10])).toThrow(error("ERR_SHAPE", /too many bytes/));
  });

  test("data that is no typed array, or moves away while its shape is read", () => {
    const view = new DataView(new ArrayBuffer(4)) as unknown as TypedArray;
    expect(() => fromArray(view, [1], "float32")).toThrow(error("ERR_ARGUMENT", /typed array/));
    expect(() => fromArray(new Uint16Array(2))).toThrow(error("ERR_DTYPE", /a dtype is needed for Uint16Array/));
    const data = new Float32Array(1024);
    const shape = new Array<number>(1);
    Object.defineProperty(shape, 0, {
      get: () => {
        structuredClone(data.buffer, { transfer: [data.buffer] });
        return 1024;
      },
    });
    expect(() => fromArray(data, shape)).toThrow(error("ERR_SHAPE", /need 4096 bytes; the data has 0/));
  });

  test("a dtype without a typed array is named", () => {
    const half = callUntyped("aten::to.dtype", [fromArray([1]), "float16"]);
    expect(() => half.toArray()).toThrow(error("ERR_DTYPE", /no typed array for float16; cast/));
    expect(half.item()).toBe(1);
  });
});
