/** Gradients of an input alone, and gradients added into a store. */
import { describe, expect, test } from "vitest";
import { fromArray, GradientStore, gradientOf, memoryStats, scalar, scope } from "../../src/tensor/index.js";
import { add, add_, clone, detach, mul, mul_, relu, sum } from "../../src/tensor/operators.js";
import { codedError, error } from "../support/errors.js";

const leaf = (values: number[]) => fromArray(values).requireGradient();

describe("gradientOf", () => {
  test("is the gradient of one tensor; none is stored", () => {
    const x = leaf([1, 2, 3]);
    const w = leaf([4, 5, 6]);
    expect(gradientOf(sum(mul(mul(x, x), w)), x).toNumbers()).toEqual([8, 20, 36]);
    expect(new GradientStore([x, w]).read()).toEqual([undefined, undefined]);
  });

  test("of what the loss does not depend on", () => {
    const thrown = codedError(() => gradientOf(sum(leaf([1])), leaf([1])));
    expect(thrown).toMatchObject({
      code: "ERR_GRADIENT",
      message: expect.stringMatching(/does not depend on the input/),
    });
  });

  test("of a loss without a graph, of several elements, twice, and of a tensor that wants none", () => {
    const x = leaf([1, 2]);
    expect(() => gradientOf(sum(detach(x)), x)).toThrow(error("ERR_GRADIENT", /does not depend on anything/));
    expect(() => gradientOf(mul(x, 2), x)).toThrow(error("ERR_SHAPE", /loss must be a scalar; got 2 elements/));
    const loss = sum(mul(x, x));
    gradientOf(loss, x);
    expect(() => gradientOf(loss, x)).toThrow(error("ERR_LIBTORCH", /backward through the graph a second time/));
    expect(() => gradientOf(sum(mul(x, x)), fromArray([1, 2]))).toThrow(error("ERR_LIBTORCH", /does not require grad/));
  });

  test("of an integer tensor, or a result, cannot be asked for", () => {
    expect(() => fromArray([1], [1], "int64").requireGradient()).toThrow(error("ERR_LIBTORCH", /floating point/));
    const x = leaf([1]);
    expect(x.requiresGradient).toBe(true);
    expect(detach(x).requiresGradient).toBe(false);
    expect(mul(x, 2).requiresGradient).toBe(true);
  });

  test("a value that the graph needs and that was changed is an error, not a wrong gradient", () => {
    const x = leaf([1, 2]);
    const square = mul(x, x);
    const loss = sum(mul(square, square));
    mul_(square, 2);
    expect(() => gradientOf(loss, x)).toThrow(error("ERR_LIBTORCH", /modified by an inplace operation/));
    expect(() => add_(x, 1)).toThrow(error("ERR_LIBTORCH", /leaf Variable that requires grad/));
  });

  test("reaches through scopes: the graph keeps what it needs, and lets go of it", () => {
    const bytes = memoryStats().liveBytes;
    scope(() => {
      const x = leaf([1, -2, 3]);
      const y = scope(() => relu(mul(clone(x), 3)));
      const before = memoryStats().liveTensors;
      expect(gradientOf(sum(y), x).toNumbers()).toEqual([3, 0, 3]);
      expect(memoryStats().liveTensors).toBe(before + 2);
    });
    expect(memoryStats().liveBytes).toBe(bytes);
  });
});

describe("GradientStore", () => {
  test("adds the gradient of each loss, gives its value, and clears", () => {
    const a = leaf([1, 2]);
    const b = leaf([3, 4]);
    const unused = leaf([5]);
    const store = new GradientStore([a, b, unused]);
    expect(store.add(sum(mul(a, b))).item()).toBe(11);
    expect(store.add(sum(mul(a, 10))).item()).toBe(30);
    const [first, second, third] = store.read();
    expect([first?.toNumbers(), second?.toNumbers(), third]).toEqual([[13, 14], [1, 2], undefined]);
    store.clear();
    expect(store.read()).toEqual([undefined, undefined, undefined]);
    store.add(sum(b));
    expect(store.read().map((one) => one?.toNumbers())).toEqual([undefined, [1, 1], undefined]);
  });

  test("touches its own leaves only", () => {
    const a = leaf([1]);
    const other = leaf([2]);
    new GradientStore([a]).add(sum(mul(a, other)));
    expect(new GradientStore([other]).read()).toEqual([undefined]);
  });

  test("frees the graph of each loss as soon as it is added", () => {
    const weight = leaf(Array.from({ length: 1000 }, () => 1));
    const store = new GradientStore([weight]);
    const step = () => scope(() => void store.add(sum(mul(relu(mul(weight, 2)), relu(mul(weight, 3))))));
    step();
    const { liveBytes, liveTensors } = memoryStats();
    step();
    expect(memoryStats()).toMatchObject({ liveBytes, liveTensors });
  });

  test("a loss without a graph, of several elements, or with no leaf to go to", () => {
    const a = leaf([1, 2]);
    const store = new GradientStore([a]);
    expect(() => store.add(scalar(1))).toThrow(error("ERR_GRADIENT", /does not depend on anything/));
    expect(() => store.add(mul(a, 2))).toThrow(error("ERR_SHAPE", /one element|scalar/));
    expect(() => new GradientStore([]).add(sum(a))).toThrow(error("ERR_GRADIENT", /list of leaves is empty/));
    expect(store.read()).toEqual([undefined]);
  });

  test("is unharmed by an error in the middle", () => {
    const a = leaf([1, 2]);
    const store = new GradientStore([a]);
    store.add(sum(a));
    expect(() => store.add(sum(add(a, fromArray([1, 2, 3]))))).toThrow();
    expect(store.read()[0]?.toNumbers()).toEqual([1, 1]);
  });
});
