/** What every optimiser must do: ten updates against NumPy float64, and going on from its state. See make_optimizers.py. */
import { describe, expect, test } from "vitest";
import { loadState, toSafetensor } from "../../src/models/weights.js";
import { Linear } from "../../src/nn/layers/linear.js";
import { Parameter, type ParameterKind } from "../../src/nn/parameter.js";
import { RoutedBatchNorm } from "../../src/nn/routed-batch-norm.js";
import { createOptimizer, type OptimizerOptions } from "../../src/optim/create.js";
import type { NamedParameter } from "../../src/optim/optimizer.js";
import { WeightAverage } from "../../src/optim/weight-average.js";
import { type DType, fromArray, memoryStats, scope, type Tensor } from "../../src/tensor/index.js";
import { cast, copy_, full } from "../../src/tensor/operators.js";
import { codedError } from "../support/errors.js";
import { maxDifference, readGolden } from "../support/golden.js";

const golden = readGolden("optimizers.safetensors");
const cases = JSON.parse(golden.metadata.cases) as Record<string, { optimizer: OptimizerOptions["name"] }>;
const rates = golden.numbers("learning_rates");
const SHAPE = [6, 5];

const optionsOf = ({ optimizer, ...settings }: (typeof cases)[string]): OptimizerOptions =>
  ({ name: optimizer, ...settings, weightDecayOnNorm: false }) as OptimizerOptions;

function parameter(
  name: string,
  initial: Tensor,
  kind: ParameterKind = "weight",
  dtype: DType = "float64",
): NamedParameter {
  const made = new Parameter(initial.shape, kind, () => {});
  made.allocate(Float64Array.from(initial.toNumbers()), dtype);
  return [name, made];
}

/** The gradient of an update; the optimiser may overwrite it. */
const gradient = (t: number, dtype: DType = "float64"): Tensor => cast(golden.tensor(`gradient.${t}`), dtype);

describe.each(Object.entries(cases))("%s", (name, settings) => {
  const options = optionsOf(settings);
  const initial = golden.tensor(`${name}/weight.0`);

  test.each([
    ["float64", 1e-12],
    ["float32", 1e-5],
  ] as const)("has the golden weights of ten updates in %s", (dtype, tolerance) => {
    const [named, other] = [parameter("w", initial, "weight", dtype), parameter("other", initial, "weight", dtype)];
    const optimizer = createOptimizer(options, [named, other]);
    const { liveTensors } = memoryStats();
    rates.forEach((rate, t) => {
      // Both parameters take the same way: neither reads the other's state.
      scope(() => {
        optimizer.step([gradient(t, dtype), gradient(t, dtype)], rate);
        for (const [, { data }] of [named, other]) {
          expect(maxDifference(data.toNumbers(), golden.numbers(`${name}/weight.${t + 1}`))).toBeLessThan(tolerance);
        }
      });
    });
    expect(memoryStats().liveTensors).toBe(liveTensors);
  });

  test("goes on from its state bit for bit", () => {
    const [, straight] = ten(options, initial, (weights, optimizer) => [weights, optimizer]);
    const [, resumed] = ten(options, initial, (weights, optimizer) => {
      const [, fresh] = parameter("w", weights[1].data);
      const next = createOptimizer(options, [["w", fresh]]);
      const saved = new Map(Array.from(optimizer.state(), ([key, tensor]) => [key, toSafetensor(tensor)]));
      loadState(next.state(), saved, "the test");
      return [["w", fresh], next];
    });
    expect(resumed.data.toNumbers()).toEqual(straight.data.toNumbers());
  });

  test("leaves a parameter without a gradient as it is, and its first update is a first one", () => {
    const late = parameter("late", initial);
    const early = parameter("early", initial);
    const optimizer = createOptimizer(options, [early, late]);
    scope(() => {
      for (let t = 0; t < 3; t++) optimizer.step([gradient(t), undefined], rates[t]);
      expect(late[1].data.toNumbers()).toEqual(initial.toNumbers());
      optimizer.step([undefined, gradient(0)], rates[0]);
    });
    expect(maxDifference(late[1].data.toNumbers(), golden.numbers(`${name}/weight.1`))).toBeLessThan(1e-12);
    expect(maxDifference(early[1].data.toNumbers(), golden.numbers(`${name}/weight.3`))).toBeLessThan(1e-12);
  });

  test("decays the scales and shifts of norms only where told, biases always", () => {
    const decaying = { ...options, weightDecay: 0.5 };
    const moves = (kind: ParameterKind, weightDecayOnNorm: boolean): boolean => {
      const named = parameter("p", initial, kind);
      const still = createOptimizer({ ...decaying, weightDecayOnNorm }, [named]);
      scope(() => still.step([full(SHAPE, 0, "float64")], 0.1));
      return maxDifference(named[1].data.toNumbers(), initial.toNumbers()) > 0;
    };
    expect(moves("norm", false)).toBe(false);
    expect(moves("norm", true)).toBe(true);
    expect(moves("bias", false)).toBe(true);
    expect(moves("weight", false)).toBe(true);
  });
});

/** Ten updates, with something done in the middle. */
function ten(
  options: OptimizerOptions,
  initial: Tensor,
  inTheMiddle: (
    weights: NamedParameter,
    optimizer: ReturnType<typeof createOptimizer>,
  ) => [NamedParameter, ReturnType<typeof createOptimizer>],
): NamedParameter {
  let weights = parameter("w", initial);
  let optimizer = createOptimizer(options, [weights]);
  rates.forEach((rate, t) => {
    if (t === 5) [weights, optimizer] = inTheMiddle(weights, optimizer);
    scope(() => optimizer.step([gradient(t)], rate));
  });
  return weights;
}

test.each([
  [{ name: "sgd", momentum: 1, nesterov: false }, "sgd: momentum must be in [0, 1); got 1"],
  [{ name: "sgd", momentum: 0, nesterov: true }, "nesterov needs a momentum above 0"],
  [{ name: "rmsprop", decay: -0.1, momentum: 0, epsilon: 1e-3 }, "rmsprop: decay must be in [0, 1); got -0.1"],
  [{ name: "adamw", beta1: 0.9, beta2: 1, epsilon: 1e-8 }, "adamw: beta2 must be in [0, 1); got 1"],
] as const)("%j is refused", (options, message) => {
  const error = codedError(() => createOptimizer({ ...options, weightDecay: 0, weightDecayOnNorm: false }, []));
  expect(error.code).toBe("ERR_OPTIMIZER");
  expect(error.message).toContain(message);
});

describe("the weight average", () => {
  test("has the golden averages", () => {
    const make = () => new Linear(5, 6).initialize(0, "float64");
    const [network, twin] = [make(), make()];
    const weight = network.state().get("weight") as Tensor;
    const average = twin.state().get("weight") as Tensor;
    const decay = Number(golden.metadata.averageDecay);
    scope(() => {
      copy_(weight, golden.tensor("average.0"));
      const averaged = new WeightAverage(network, twin, decay);
      expect(average.toNumbers()).toEqual(golden.numbers("average.0"));
      for (let t = 0; t < 10; t++) {
        copy_(weight, golden.tensor(`${golden.metadata.averaged}/weight.${t + 1}`));
        averaged.update(t);
        expect(maxDifference(average.toNumbers(), golden.numbers(`average.${t + 1}`))).toBeLessThan(1e-14);
      }
    });
  });

  test("covers the statistics of every route, and copies counters", () => {
    const make = () => new RoutedBatchNorm(2, ["aux"], "identity").initialize(0);
    const [network, twin] = [make(), make()];
    const averaged = new WeightAverage(network, twin, 0.9999);
    scope(() => {
      for (const [, { value }] of network.namedBuffers())
        copy_(value, value.dtype === "int64" ? fromArray([9], [], "int64") : full([2], 11));
      averaged.update(0);
      const state = new Map(Array.from(twin.state(), ([name, tensor]) => [name, tensor.toNumbers()]));
      // The first decay is 1/10: 0.1 * initial + 0.9 * 11.
      for (const prefix of ["", "aux_bn.0."]) {
        expect(maxDifference(state.get(`${prefix}running_mean`) ?? [], [9.9, 9.9])).toBeLessThan(1e-5);
        expect(maxDifference(state.get(`${prefix}running_var`) ?? [], [10, 10])).toBeLessThan(1e-5);
        expect(state.get(`${prefix}num_batches_tracked`)).toEqual([9]);
      }
    });
  });

  test("never forgets faster than the decay says", () => {
    const make = () => new Linear(1, 1).initialize(0, "float64");
    const [network, twin] = [make(), make()];
    const averaged = new WeightAverage(network, twin, 0.9);
    const [weight, average] = [network, twin].map((one) => one.state().get("weight") as Tensor);
    scope(() => {
      copy_(average, full([1, 1], 0));
      copy_(weight, full([1, 1], 1));
      averaged.update(1_000_000);
      expect(average.item()).toBeCloseTo(0.1, 12);
    });
  });
});
