/** The dispatcher call: arguments converted by the operator's schema, results converted back. */
import { describe, expect, test } from "vitest";
import { type Argument, call, callAny, fromArray, memoryStats, scope, Tensor } from "../../src/tensor/index.js";
import { add, add_, relu_ } from "../../src/tensor/operators.js";
import { callUntyped } from "../support/call.js";
import { error } from "../support/errors.js";

const x = fromArray([1, -2, 3, -4, 5, -6], [2, 3]);
const integers = fromArray([1, 2, 3], [3], "int64");
const numbers = (name: string, values: readonly Argument[]) => callUntyped(name, values).toNumbers();

describe("arguments", () => {
  test("tensors, and scalars as Python has them: integers keep integer tensors integer, fractions do not", () => {
    expect(numbers("aten::add.Tensor", [x, x])).toEqual([2, -4, 6, -8, 10, -12]);
    expect(call("aten::mul.Scalar", [integers, 3])).toMatchObject({ dtype: "int64" });
    expect(numbers("aten::mul.Scalar", [integers, 3])).toEqual([3, 6, 9]);
    expect(call("aten::mul.Scalar", [integers, 0.5])).toMatchObject({ dtype: "float32" });
    expect(numbers("aten::mul.Scalar", [integers, 0.5])).toEqual([0.5, 1, 1.5]);
    expect(call("aten::full", [[2], true])).toMatchObject({ dtype: "bool" });
    expect(numbers("aten::full", [[1], 2 ** 60, "float64"])).toEqual([2 ** 60]);
    expect(numbers("aten::full", [[2], Number.POSITIVE_INFINITY, "float32"])).toEqual([Infinity, Infinity]);
    expect(numbers("aten::full", [[1], Number.NaN, "float32"])).toEqual([Number.NaN]);
  });

  test("missing, undefined and, where optional, null take the default", () => {
    expect(numbers("aten::add.Tensor", [x, x, undefined])).toEqual(numbers("aten::add.Tensor", [x, x, 1]));
    expect(callAny("aten::argmax", [x])).toMatchObject({ shape: [] });
    expect(callAny("aten::argmax", [x, null])).toMatchObject({ shape: [] });
    expect(callAny("aten::argmax", [x, 1])).toMatchObject({ shape: [2] });
    expect(callAny("aten::argmax", [x, 1, true])).toMatchObject({ shape: [2, 1] });
    expect(numbers("aten::clamp", [x, null, 0])).toEqual([0, -2, 0, -4, 0, -6]);
  });

  test("optional tensors", () => {
    const image = fromArray([1, 2, 3, 4], [1, 1, 2, 2]);
    const weight = fromArray([10], [1, 1, 1, 1]);
    for (const bias of [null, undefined]) {
      expect(numbers("aten::conv2d", [image, weight, bias])).toEqual([10, 20, 30, 40]);
    }
    expect(numbers("aten::conv2d", [image, weight, fromArray([1])])).toEqual([11, 21, 31, 41]);
  });

  test("lists of integers, and one integer for a list of equal ones", () => {
    const image = fromArray(
      Float32Array.from({ length: 16 }, (_, i) => i),
      [1, 1, 4, 4],
    );
    const weight = fromArray([1], [1, 1, 1, 1]);
    expect(numbers("aten::conv2d", [image, weight, null, [2, 1]])).toEqual([0, 1, 2, 3, 8, 9, 10, 11]);
    expect(numbers("aten::conv2d", [image, weight, null, 2])).toEqual([0, 2, 8, 10]);
    expect(call("aten::reshape", [fromArray([1]), []])).toMatchObject({ shape: [] });
  });

  test("lists of tensors, also with gaps", () => {
    expect(numbers("aten::cat", [[integers, integers]])).toEqual([1, 2, 3, 1, 2, 3]);
    const columns = fromArray([2, 0], [2], "int64");
    expect(numbers("aten::index.Tensor", [x, [null, columns]])).toEqual([3, 1, -6, -4]);
    expect(numbers("aten::index.Tensor", [x, [undefined, columns]])).toEqual([3, 1, -6, -4]);
    expect(numbers("aten::index.Tensor", [x, [fromArray([1], [1], "int64")]])).toEqual([-4, 5, -6]);
  });

  test("lists of fractions, booleans and scalars", () => {
    const image = fromArray([1, 2, 3, 4], [1, 1, 2, 2]);
    expect(callUntyped("aten::upsample_nearest2d.vec", [image, null, [1.5, 2.5]])).toMatchObject({
      shape: [1, 1, 3, 5],
    });
    const [first, second] = callAny("aten::_foreach_mul.ScalarList", [
      [x, integers],
      [2, 3],
    ]) as Tensor[];
    expect(first.toNumbers()).toEqual([2, -4, 6, -8, 10, -12]);
    expect([second.dtype, second.toNumbers()]).toEqual(["int64", [3, 6, 9]]);
  });

  test("dtypes, memory formats, layouts, devices and strings by name", () => {
    expect(call("aten::to.dtype", [x, "float64"])).toMatchObject({ dtype: "float64" });
    expect(call("aten::sum", [integers, "float32"])).toMatchObject({ dtype: "float32" });
    const image = fromArray(new Float32Array(24), [1, 2, 3, 4]);
    expect(call("aten::contiguous", [image, "channels_last"]).strides).toEqual([24, 1, 8, 2]);
    expect(call("aten::clone", [image, "preserve"]).strides).toEqual([24, 12, 4, 1]);
    const made = callUntyped("aten::empty.memory_format", [
      [1, 2, 3, 4],
      "float32",
      "strided",
      "cpu",
      false,
      "channels_last",
    ]);
    expect(made).toMatchObject({ dtype: "float32", strides: [24, 1, 8, 2] });
    expect(callUntyped("aten::to.device", [x, "cpu", "float64"])).toMatchObject({ dtype: "float64" });
    expect(numbers("aten::div.Tensor_mode", [fromArray([7, -7]), fromArray([2, 2]), "floor"])).toEqual([3, -4]);
  });

  test("generators are refused, and where none is given the operator runs", () => {
    expect(numbers("aten::bernoulli", [fromArray([0, 1])])).toEqual([0, 1]);
    expect(() => callUntyped("aten::bernoulli", [fromArray([0, 1]), x])).toThrow(
      error("ERR_GENERATOR", /^aten::bernoulli: generator: .*keyed/),
    );
  });
});

describe("a wrong argument is named with its operator", () => {
  const image = fromArray(new Float32Array(4), [1, 1, 2, 2]);
  const sparse = new Array(2 ** 32 - 1);
  const cases: [string, readonly unknown[], string, RegExp][] = [
    ["aten::add.Tensor", [1, x], "ERR_ARGUMENT", /^aten::add: self must be a Tensor; got a number$/],
    ["aten::add.Tensor", [x, null], "ERR_ARGUMENT", /^aten::add: other must be a Tensor; got null$/],
    ["aten::add.Tensor", [x, {}], "ERR_ARGUMENT", /^aten::add: other must be a Tensor; got an object$/],
    ["aten::add.Tensor", [x, () => x], "ERR_ARGUMENT", /^aten::add: other must be a Tensor; got a function$/],
    ["aten::add.Tensor", [x], "ERR_ARGUMENT", /^aten::add: argument other \(Tensor\) is missing$/],
    ["aten::add.Tensor", [x, x, 1, 1], "ERR_ARGUMENT", /^aten::add: takes at most 3 arguments; got 4$/],
    ["aten::add.Scalar", [x, "1"], "ERR_ARGUMENT", /^aten::add: other must be a number; got a string$/],
    ["aten::add.Scalar", [x, 1n], "ERR_ARGUMENT", /^aten::add: other must be a number; got a bigint$/],
    ["aten::add.Scalar", [x, Symbol("x")], "ERR_ARGUMENT", /^aten::add: other must be a number; got a symbol$/],
    ["aten::argmax", [x, 0.5], "ERR_ARGUMENT", /^aten::argmax: dim must be a safe integer; got 0\.5/],
    ["aten::argmax", [x, Number.NaN], "ERR_ARGUMENT", /^aten::argmax: dim must be a safe integer; got nan/],
    ["aten::argmax", [x, 2 ** 60], "ERR_ARGUMENT", /^aten::argmax: dim must be a safe integer/],
    ["aten::argmax", [x, 0, 1], "ERR_ARGUMENT", /^aten::argmax: keepdim must be a boolean; got a number$/],
    ["aten::cat", [x], "ERR_ARGUMENT", /^aten::cat: tensors must be an array; got an object$/],
    ["aten::cat", [[x, 3]], "ERR_ARGUMENT", /^aten::cat: tensors must be a Tensor; got a number$/],
    ["aten::cat", [sparse], "ERR_ARGUMENT", /^aten::cat: tensors must have at most \d+ elements; got 4294967295$/],
    [
      "aten::conv2d",
      [image, image, null, ["1"]],
      "ERR_ARGUMENT",
      /^aten::conv2d: stride must be a number; got a string$/,
    ],
    ["aten::to.dtype", [x, "float"], "ERR_DTYPE", /^aten::to: unknown dtype float; known are float32, /],
    // Numbers of dtypes are not checked by libtorch, which would read outside of its tables.
    ["aten::to.dtype", [x, 200], "ERR_ARGUMENT", /^aten::to: dtype must be a string; got a number$/],
    ["aten::contiguous", [image, "nhwc"], "ERR_ARGUMENT", /^aten::contiguous: memory format must be .*; got nhwc$/],
    [
      "aten::contiguous",
      [image, 9],
      "ERR_ARGUMENT",
      /^aten::contiguous: memory_format must be a string; got a number$/,
    ],
    [
      "aten::empty.memory_format",
      [[2], "float32", "coo"],
      "ERR_ARGUMENT",
      /^aten::empty: layout must be strided; got coo$/,
    ],
    ["aten::to.device", [x, "gpu", "float32"], "ERR_LIBTORCH", /^aten::to: .*gpu/],
    [
      "aten::set_.source_Storage",
      [x, x],
      "ERR_ARGUMENT",
      /^aten::set_: source: arguments of type Storage are not supp/,
    ],
  ];
  test.each(cases)("%s %#", (name, values, code, message) => {
    const before = memoryStats().liveTensors;
    expect(() => callAny(name, values as Argument[])).toThrow(error(code, message));
    expect(memoryStats().liveTensors).toBe(before);
  });

  test("a failing getter lets its own error through", () => {
    const list = [x];
    Object.defineProperty(list, 1, {
      get() {
        throw new RangeError("mine");
      },
    });
    expect(() => call("aten::cat", [list])).toThrow(new RangeError("mine"));
    expect(add(x, 1).toNumbers()[0]).toBe(2);
  });

  test("a getter that looks operators up and makes tensors on the way disturbs nothing", () => {
    const list = [x];
    Object.defineProperty(list, 1, {
      get: () => {
        for (const name of ["sin", "cos", "tan", "exp", "log", "ceil", "floor", "round"])
          callUntyped(`aten::${name}`, [x]);
        for (let i = 0; i < 5000; i++) fromArray([i]);
        return x;
      },
    });
    expect(scope(() => call("aten::cat", [list]).shape)).toEqual([4, 3]);
  });
});

describe("errors of libtorch", () => {
  test("have its own message", () => {
    expect(() => add(x, fromArray([1, 2, 3, 4]))).toThrow(
      error(
        "ERR_LIBTORCH",
        /^aten::add: The size of tensor a \(3\) must match the size of tensor b \(4\) at non-singl/,
      ),
    );
    expect(() => callUntyped("aten::conv2d", [x, x])).toThrow(error("ERR_LIBTORCH", /^aten::conv2d: Expected .*4D/));
    expect(() => call("aten::index_select", [x, 0, fromArray([7], [1], "int64")])).toThrow(
      error("ERR_LIBTORCH", /out of range/),
    );
  });

  test("carry no C++ stack", () => {
    try {
      add(x, fromArray([1, 2, 3, 4]));
      expect.unreachable();
    } catch (thrown) {
      expect((thrown as Error).message).not.toMatch(/frame #|\.so|libc10/);
    }
  });

  test("do not stick to the next call", () => {
    expect(() => add(x, fromArray([1, 2, 3, 4]))).toThrow();
    expect(() => fromArray([1, 2]).item()).toThrow(
      error("ERR_SHAPE", /^item: the tensor must have one element; got 2$/),
    );
  });

  test("unknown operators and overloads", () => {
    expect(() => callAny("aten::no_such_thing", [])).toThrow(error("ERR_OPERATOR", /no operator aten::no_such_thing$/));
    expect(() => callAny("aten::add.NoSuch", [x, x])).toThrow(error("ERR_OPERATOR", /no operator aten::add\.NoSuch$/));
    expect(() => callAny("", [])).toThrow(error("ERR_OPERATOR"));
  });
});

describe("results", () => {
  test("a tensor, a list of tensors, several results", () => {
    expect(numbers("aten::neg", [integers])).toEqual([-1, -2, -3]);
    const parts = callAny("aten::split.Tensor", [integers, 2]) as Tensor[];
    expect(parts.map((part) => part.toNumbers())).toEqual([[1, 2], [3]]);
    const [values, indices] = callAny("aten::max.dim", [x, 1]) as Tensor[];
    expect(values.toNumbers()).toEqual([3, 5]);
    expect(indices.toNumbers()).toEqual([2, 1]);
  });

  test("numbers, booleans and nothing", () => {
    expect(callAny("aten::item", [fromArray([2.5])])).toBe(2.5);
    expect(callAny("aten::item", [fromArray([3], [1], "int64")])).toBe(3);
    expect(callAny("aten::size.int", [x, 1])).toBe(3);
    expect(callAny("aten::equal", [x, x])).toBe(true);
    expect(callAny("aten::_foreach_add_.Scalar", [[fromArray([1])], 1])).toBe(undefined);
  });

  test("a result that was not asked for is undefined", () => {
    const scale = fromArray([1]);
    const image = fromArray([1, 2, 3, 4], [1, 1, 2, 2]);
    const norm = callAny("aten::native_batch_norm", [image, scale, scale, null, null, true, 0, 1e-5]) as Tensor[];
    const gradients = (mask: boolean[]) => {
      const [y, mean, inverse] = norm;
      const values = [y, image, scale, null, null, mean, inverse, true, 1e-5, mask];
      return callAny("aten::native_batch_norm_backward", values) as unknown[];
    };
    expect(gradients([false, true, false]).map((one) => one instanceof Tensor)).toEqual([false, true, false]);
    expect(gradients([true, false, false]).slice(1)).toEqual([undefined, undefined]);
  });

  test("operators that change an argument give back that very object", () => {
    const a = fromArray([-1, 2]);
    const out = fromArray([0, 0]);
    const before = memoryStats().liveTensors;
    expect(relu_(a)).toBe(a);
    expect(add_(a, 1)).toBe(a);
    expect(callUntyped("aten::add.out", [a, a, 1, out])).toBe(out);
    expect(memoryStats().liveTensors).toBe(before);
    expect(out.toNumbers()).toEqual([2, 6]);
  });

  test("a shape changed in place is seen", () => {
    const a = fromArray([1, 2, 3], [1, 3]);
    expect(a.shape).toEqual([1, 3]);
    callUntyped("aten::squeeze_", [a]);
    expect([a.shape, a.strides]).toEqual([[3], [1]]);
  });
});
