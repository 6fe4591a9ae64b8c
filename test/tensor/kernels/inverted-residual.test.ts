/** The inverted residual as one operator against its layers one after another in float64, with the gradient of x. */
import { afterEach, describe, expect, test } from "vitest";
import { samePadding } from "../../../src/nn/layers/same-convolution.js";
import {
  type DType,
  fromArray,
  gradientOf,
  memoryStats,
  scope,
  setThreads,
  type Tensor,
} from "../../../src/tensor/index.js";
import { invertedResidual, type NormalizedLayer } from "../../../src/tensor/inverted-residual.js";
import {
  add,
  batchNorm,
  cast,
  channelsLast,
  concat,
  conv2d,
  detach,
  full,
  mul,
  reshape,
  rows,
  squeezeExcitation,
  sum,
} from "../../../src/tensor/operators.js";
import { bytesOf, difference, random } from "../../support/convolutions.js";
import { error } from "../../support/errors.js";
import { type Case, type Ours, testShapes } from "../../support/inverted-residual.js";

const EPSILON = 1e-3;

/** The parameters of a block, of x's dtype where weights are rounded to it, and the block in both forms. */
function makeBlock(
  {
    inputs,
    expanded = inputs,
    outputs = inputs,
    squeezed = 3,
    size = 3,
    stride = 1,
    residual = stride === 1 && inputs === outputs,
  }: Case,
  dtype: Ours,
) {
  const expands = expanded !== inputs;
  const vector = (count: number, purpose: number): Tensor => reshape(random([count, 1], purpose), [count]);
  const layer = (weight: Tensor, channels: number, purpose: number) => ({
    weight,
    // Around one, with a mean of its own and a variance within a factor of two.
    norm: [
      add(vector(channels, purpose), 1),
      vector(channels, purpose + 1),
      vector(channels, purpose + 2),
      add(mul(vector(channels, purpose + 3), 0.5), 0.6),
    ] as const,
  });
  const rounded = (shape: number[], purpose: number, factor: number): Tensor =>
    cast(cast(mul(random(shape, purpose), factor), dtype), "float32");
  const expand = layer(rounded([expanded, inputs, 1, 1], 10, 2 / Math.sqrt(inputs)), expanded, 11);
  const depthwise = layer(mul(random([expanded, 1, size, size], 20), 2), expanded, 21);
  const project = layer(rounded([outputs, expanded, 1, 1], 30, 4 / Math.sqrt(expanded)), outputs, 31);
  const gate = [
    random([squeezed, expanded, 1, 1], 40),
    vector(squeezed, 41),
    mul(random([expanded, squeezed, 1, 1], 42), 4),
    vector(expanded, 43),
  ] as const;
  const paddingOf = (x: Tensor) => {
    const [top, bottom] = samePadding(x.shape[2], size, stride);
    const [left, right] = samePadding(x.shape[3], size, stride);
    return { left, right, top, bottom };
  };
  const normalized = ({ weight, norm }: ReturnType<typeof layer>): NormalizedLayer => [weight, ...norm];
  return {
    whole: (x: Tensor): Tensor => {
      const block = {
        expand: expands ? normalized(expand) : undefined,
        depthwise: normalized(depthwise),
        squeeze: gate,
        project: normalized(project),
        stride,
        padding: paddingOf(x),
        epsilon: EPSILON,
      };
      return invertedResidual(x, block, residual);
    },
    layers: (x: Tensor): Tensor => {
      const wide = (tensor: Tensor): Tensor => cast(tensor, "float64");
      const normalize = (
        y: Tensor,
        { norm }: ReturnType<typeof layer>,
        activation: "silu" | "identity",
        other?: Tensor,
      ) => {
        const [scale, shift, runningMean, runningVariance] = norm.map(wide);
        return batchNorm(y, {
          scale,
          shift,
          runningMean,
          runningVariance,
          batch: false,
          factor: 0,
          epsilon: EPSILON,
          residual: other,
          activation,
        });
      };
      let y = expands ? normalize(conv2d(x, wide(expand.weight)), expand, "silu") : x;
      y = normalize(
        conv2d(y, wide(depthwise.weight), { stride, padding: paddingOf(x), groups: expanded }),
        depthwise,
        "silu",
      );
      const [reduce, reduceBias, expandGate, expandBias] = gate.map(wide);
      y = squeezeExcitation(y, reduce, reduceBias, expandGate, expandBias);
      return normalize(conv2d(y, wide(project.weight)), project, "identity", residual ? x : undefined);
    },
  };
}

/** The result and the gradient of sum(y slopes). */
function results(block: (x: Tensor) => Tensor, x: Tensor, dtype: DType): readonly Tensor[] {
  const input = detach(x).requireGradient();
  const y = block(input);
  return [detach(y), gradientOf(sum(mul(y, cast(random(y.shape, 3, dtype), y.dtype))), input)];
}

function compare(x: Tensor, parts: Case, dtype: Ours, tolerance: number): void {
  const block = makeBlock(parts, dtype);
  const actual = results(block.whole, x, dtype);
  const expected = results(block.layers, cast(x, "float64"), dtype);
  for (const [i, name] of ["y", "gradX"].entries()) {
    expect(difference(actual[i], expected[i]), `${name} of ${x.shape} through ${JSON.stringify(parts)}`).toBeLessThan(
      tolerance,
    );
    expect(actual[i].dtype).toBe(dtype);
  }
}

afterEach(() => setThreads(1));

describe.each([
  ["float32", 1e-5],
  ["bfloat16", 1e-2],
] as const)("%s", (dtype, tolerance) => {
  const compareHere = (x: Tensor, parts: Case): void => compare(x, parts, dtype, tolerance);
  testShapes(dtype, 1, compareHere);

  test("one pixel, one image", () => {
    for (const images of [1, 2, 9])
      scope(() => compareHere(random([images, 24, 1, 1], 1, dtype), { inputs: 24, expanded: 144, size: 5 }));
  });

  test("any number of threads and any company of images gives the same bits, with a gradient and without", () => {
    scope(() => {
      for (const side of [3, 14]) {
        const x = random([6, 24, side, side], 1, dtype);
        const block = makeBlock({ inputs: 24, expanded: 144, size: 5 }, dtype);
        const [y, gradient] = results(block.whole, x, dtype);
        for (const threads of [2, 3]) {
          setThreads(threads);
          const others = results(block.whole, x, dtype);
          for (const [i, one] of [y, gradient].entries())
            expect(Buffer.compare(bytesOf(one), bytesOf(others[i]))).toBe(0);
        }
        setThreads(1);
        const alone = concat([0, 1, 2, 3, 4, 5].map((n) => block.whole(rows(x, n, n + 1))));
        expect(Buffer.compare(bytesOf(alone), bytesOf(y))).toBe(0);
      }
    });
  });
});

test("finite differences", () => {
  scope(() => {
    const block = makeBlock({ inputs: 8, expanded: 48, size: 5, stride: 2, outputs: 12 }, "float32");
    const x = random([1, 8, 6, 5], 1);
    const loss = (input: Tensor): Tensor => {
      const y = block.whole(input);
      return sum(mul(y, random(y.shape, 3)));
    };
    const leaf = detach(x).requireGradient();
    const gradient = gradientOf(loss(leaf), leaf).toNumbers();
    const step = 2 ** -6;
    for (const index of [0, 50, 111, 239]) {
      const moved = (by: number): number => {
        const values = x.toNumbers();
        values[index] += by;
        return loss(channelsLast(fromArray(values, x.shape))).item();
      };
      expect((moved(step) - moved(-step)) / (2 * step)).toBeCloseTo(gradient[index], 2);
    }
  });
});

test("without a gradient nothing but the result stays", () => {
  scope(() => {
    const { whole } = makeBlock({ inputs: 16, expanded: 96 }, "float32");
    const x = random([2, 16, 8, 8], 1);
    whole(x); // packs the weights, which stay as long as they do
    const kept = (input: Tensor): number =>
      scope(() => {
        const before = memoryStats().liveBytes;
        const y = whole(input);
        return memoryStats().liveBytes - before - y.size * 4;
      });
    const without = kept(x);
    const withGradient = kept(detach(x).requireGradient());
    expect(without).toBe(0);
    // The slopes of the first activation, the depthwise results, the gates, the arguments of the inner silu.
    const bytes = 2 * (2 * 64 * 96 + 96 + 3) * 4;
    expect(withGradient).toBeGreaterThanOrEqual(bytes);
    expect(withGradient).toBeLessThan(bytes + 1024); // what the allocator rounds up
  });
});

test("arguments that do not fit", () => {
  scope(() => {
    const { whole } = makeBlock({ inputs: 16, expanded: 96 }, "float32");
    expect(() => whole(full([1, 16, 4, 4], 1, "float64"))).toThrow(error("ERR_LIBTORCH", /float32 or bfloat16/));
    const { whole: wider } = makeBlock({ inputs: 16, expanded: 96, outputs: 8 }, "float32");
    expect(() => wider(full([1, 24, 4, 4], 1))).toThrow(
      error("ERR_LIBTORCH", /weight must be \[96, 24, 1, 1\]; got \[96, 16, 1, 1\]/),
    );
    const { whole: halved } = makeBlock({ inputs: 16, expanded: 96, stride: 2, residual: true }, "float32");
    expect(() => halved(full([1, 16, 4, 4], 1))).toThrow(error("ERR_LIBTORCH", /residual must have the shape/));
  });
});
