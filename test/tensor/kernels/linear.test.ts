/** The affine layer against its formula in float64, forward and every gradient. */
import { afterEach, describe, expect, test } from "vitest";
import { fromArray, gradientOf, scope, setThreads, type Tensor } from "../../../src/tensor/index.js";
import { cast, detach, linear, mul, permute, rows, sum } from "../../../src/tensor/operators.js";
import { bytesOf, difference, random } from "../../support/convolutions.js";

afterEach(() => setThreads(1));

const matrix = (shape: readonly number[], purpose: number): Tensor => {
  const values = random([1, 1, ...shape], purpose).toNumbers();
  return fromArray(values, shape, "float32");
};

/** The result and the gradients of sum(y slopes). */
function all(inputs: readonly Tensor[]): Record<string, Tensor> {
  const leaves = inputs.map((tensor) => detach(tensor).requireGradient());
  const loss = (): Tensor => {
    const y = linear(leaves[0], leaves[1], leaves[2]);
    return sum(mul(y, cast(matrix(y.shape, 4), y.dtype)));
  };
  const [x, weight, bias] = inputs;
  const gradients = leaves.map((leaf) => gradientOf(loss(), leaf));
  return { y: linear(x, weight, bias), gradX: gradients[0], gradWeight: gradients[1], gradBias: gradients[2] };
}

function check(x: Tensor, weight: Tensor, bias: Tensor): void {
  const actual = all([x, weight, bias]);
  const expected = all([x, weight, bias].map((tensor) => cast(tensor, "float64")));
  for (const name of Object.keys(expected)) {
    expect(actual[name].dtype).toBe("float32");
    expect(difference(actual[name], expected[name]), name).toBeLessThan(1e-5);
  }
}

describe("against float64", () => {
  test.each([1, 2, 7, 8, 9, 16, 19])("%i rows, and every number of outputs up to 9", (count) => {
    for (const inputs of [1, 31, 32, 33, 64, 96]) {
      for (let outputs = 1; outputs <= 9; outputs++) {
        scope(() => check(matrix([count, inputs], 1), matrix([outputs, inputs], 2), matrix([outputs], 3)));
      }
    }
  });

  test("the classifier of EfficientNet-B0, and views with other strides", () => {
    scope(() => check(matrix([12, 1280], 1), matrix([1000, 1280], 2), matrix([1000], 3)));
    scope(() => {
      const [weight, bias] = [matrix([10, 64], 2), matrix([10], 3)];
      check(rows(matrix([9, 64], 1), 2, 7), weight, bias);
      check(permute(matrix([64, 6], 1), [1, 0]), permute(matrix([64, 10], 2), [1, 0]), bias);
    });
  });
});

test("one and two threads give the same bits", () => {
  scope(() => {
    const inputs = [matrix([12, 1280], 1), matrix([100, 1280], 2), matrix([100], 3)];
    const [one, two] = [1, 2].map((threads) => {
      setThreads(threads);
      return all(inputs);
    });
    for (const name of Object.keys(one)) expect(Buffer.compare(bytesOf(one[name]), bytesOf(two[name])), name).toBe(0);
  });
});
