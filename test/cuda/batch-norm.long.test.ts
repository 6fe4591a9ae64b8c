/** The CUDA kernels of batch norm, emulated, against libtorch's operators in float64: values, gradients, statistics. */
import { beforeAll, describe, expect, test } from "vitest";
import { KeyedRandom } from "../../src/random.js";
import { call, type DType, fromArray, GradientStore, scope, type Tensor } from "../../src/tensor/index.js";
import { cast, channelsLast, mul, permute, sum } from "../../src/tensor/operators.js";
import { callUntyped } from "../support/call.js";
import { canEmulate, difference, emulated, inBothOrders, loadEmulation } from "../support/emulated.js";
import { error } from "../support/errors.js";

const CODES = { identity: 0, relu: 1, silu: 2, relu6: 3 } as const;

interface Setting {
  readonly shape: readonly [number, number, number, number];
  readonly activation: keyof typeof CODES;
  readonly batch: boolean;
  readonly residual: boolean;
  /** Whether the scale and the shift want no gradient, as in an attack. */
  readonly frozen?: boolean;
  /** Begins one value into its memory, where no wide access may begin. */
  readonly shifted?: boolean;
}

function values(count: number, stream: number, offset: number): number[] {
  const random = new KeyedRandom(7, 1, 0, 0, stream);
  return Array.from({ length: count }, (_, i) => offset + random.normal(i));
}

/** The same elements at an address that is one value off. */
function shift(x: Tensor): Tensor {
  const [n, c, h, w] = x.shape;
  const flat = call("aten::reshape", [permute(x, [0, 2, 3, 1]), [-1]]);
  const longer = callUntyped("aten::constant_pad_nd", [flat, [1, 0]]);
  return callUntyped("aten::as_strided", [longer, [n, c, h, w], [h * w * c, 1, w * c, c], 1]);
}

/** The operator's result, its gradients and the moved statistics. */
function run(setting: Setting, dtype: DType): Record<string, number[]> {
  const { shape, activation, batch, residual, frozen = false, shifted = false } = setting;
  const [n, c, h, w] = shape;
  const wide = dtype === "float64" ? "float64" : "float32";
  return scope(() => {
    // Rounded to bfloat16 in every dtype, so that all compute the same.
    const tensor = (stream: number, offset: number): Tensor => {
      const made = cast(cast(fromArray(values(n * c * h * w, stream, offset), [n, h, w, c]), "bfloat16"), dtype);
      const x = channelsLast(permute(made, [0, 3, 1, 2]));
      return shifted ? shift(x) : x;
    };
    const perChannel = (stream: number, offset: number): Tensor =>
      cast(fromArray(values(c, stream, offset).map((value) => Math.abs(value) + 0.5)), wide);
    const x = tensor(1, 3).requireGradient();
    const other = residual ? tensor(2, 0).requireGradient() : undefined;
    const [scale, bias] = [perChannel(3, 0), perChannel(4, -1)];
    if (!frozen) for (const parameter of [scale, bias]) parameter.requireGradient();
    const [runningMean, runningVariance] = [perChannel(5, 2), perChannel(6, 1)];
    const y = call("advprop::batch_norm", [
      x,
      scale,
      bias,
      other,
      runningMean,
      runningVariance,
      batch,
      0.3,
      1e-3,
      CODES[activation],
    ]);
    const leaves = [x, ...(frozen ? [] : [scale, bias]), ...(other === undefined ? [] : [other])];
    const store = new GradientStore(leaves);
    store.add(sum(mul(cast(y, wide), cast(tensor(8, 0), wide))));
    const gradients = store.read().map((gradient) => gradient?.toNumbers() ?? []);
    store.clear();
    return {
      y: y.toNumbers(),
      ...Object.fromEntries(gradients.map((gradient, i) => [`gradient ${i}`, gradient])),
      runningMean: runningMean.toNumbers(),
      runningVariance: runningVariance.toNumbers(),
    };
  });
}

const SHAPES = [
  [2, 16, 3, 4],
  [3, 1, 5, 3],
  [1, 3, 7, 5],
  [2, 17, 3, 3],
  [40, 33, 1, 1],
  [2, 24, 3, 5],
  // More channels than a block has, in tiles of unequal width; more rows than a block has.
  [2, 296, 2, 2],
  [9, 8, 32, 31],
] as const;

const FORMS = [
  { activation: "identity", batch: true, residual: false },
  { activation: "identity", batch: false, residual: true },
  { activation: "relu", batch: true, residual: true },
  { activation: "relu", batch: false, residual: true, frozen: true },
  { activation: "relu", batch: false, residual: true },
  { activation: "relu", batch: true, residual: false },
  { activation: "silu", batch: true, residual: false },
  { activation: "silu", batch: false, residual: false },
  { activation: "silu", batch: false, residual: false, frozen: true },
  { activation: "relu6", batch: true, residual: false },
  { activation: "relu6", batch: false, residual: false, frozen: true },
] as const;

describe.skipIf(!canEmulate)("batch norm on a GPU, emulated", () => {
  beforeAll(loadEmulation, 300_000);

  const settings: Setting[] = SHAPES.flatMap((shape) => FORMS.map((form) => ({ shape, ...form })));
  test.each(settings)("$shape $activation, batch $batch, residual $residual, frozen $frozen", (setting) => {
    const expected = run(setting, "float64");
    for (const [dtype, bound] of [
      ["float32", 1e-5],
      ["bfloat16", 1e-2],
    ] as const) {
      const actual = emulated(() => run(setting, dtype));
      expect(Object.keys(actual)).toEqual(Object.keys(expected));
      for (const [name, numbers] of Object.entries(expected)) {
        expect(difference(actual[name], numbers), `${dtype} ${name}`).toBeLessThan(bound);
      }
    }
  });

  test("no result depends on the order of threads and blocks", () => {
    for (const form of [FORMS[2], FORMS[6], FORMS[8]]) {
      const [rising, falling] = inBothOrders(() => emulated(() => run({ shape: [9, 8, 32, 31], ...form }, "float32")));
      expect(falling).toEqual(rising);
    }
  });

  test("tensors that begin at odd addresses give what others give", () => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const setting = { shape: [2, 16, 3, 4], ...FORMS[2] } as const;
      const expected = emulated(() => run(setting, dtype));
      const actual = emulated(() => run({ ...setting, shifted: true }, dtype));
      for (const [name, numbers] of Object.entries(expected)) {
        expect(difference(actual[name], numbers), name).toBeLessThan(dtype === "float32" ? 1e-6 : 1e-2);
      }
    }
  });

  test("NaN stays visible", () => {
    const x = channelsLast(fromArray([Number.NaN, ...new Array(31).fill(1)], [1, 2, 4, 4]));
    const one = fromArray([1, 1]);
    for (const activation of Object.values(CODES)) {
      const form = [null, fromArray([0, 0]), one, false, 0, 0, activation];
      const y = emulated(() => callUntyped("advprop::batch_norm", [x, one, one, ...form])).toNumbers();
      expect([y[0], y.slice(1).some(Number.isNaN)]).toEqual([Number.NaN, false]);
    }
  });
});

describe.skipIf(!canEmulate)("the emulation", () => {
  beforeAll(loadEmulation, 300_000);

  const mistake = (kind: number): number[] => callUntyped("advprop_emulated::make_mistake", [kind]).toNumbers();

  test("shows a missing barrier as a result that depends on the order", () => {
    const [rising, falling] = inBothOrders(() => mistake(0));
    expect(falling).not.toEqual(rising);
  });

  test("begins with shared memory that is not a number", () => {
    expect(mistake(4).every(Number.isNaN)).toBe(true);
  });

  test.each([
    [1, /some threads of a block never reach a barrier/],
    [2, /the threads of a block wait at different barriers/],
    [3, /a vector of 8 bytes is not aligned/],
  ])("refuses mistake %i", (kind, message) => {
    expect(() => mistake(kind)).toThrow(error("ERR_LIBTORCH", message));
  });
});
