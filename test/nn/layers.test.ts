/** Every layer forward and backward against PyTorch in float64: see test/golden/scripts/make_layers.py. */
import { describe, expect, test } from "vitest";
import { ATTACK, type ForwardContext, TRAIN } from "../../src/nn/context.js";
import { Conv2d } from "../../src/nn/layers/convolution.js";
import { Linear } from "../../src/nn/layers/linear.js";
import { avgPool2d, globalAveragePool, maxPool2d } from "../../src/nn/layers/pooling.js";
import { crossEntropy } from "../../src/nn/loss.js";
import type { Module } from "../../src/nn/module.js";
import { type DType, GradientStore, gradientOf, scope, type Tensor } from "../../src/tensor/index.js";
import { cast, channelsLast, detach, mul, relu, sigmoid, silu, sum } from "../../src/tensor/operators.js";
import { callUntyped } from "../support/call.js";
import { maxDifference, readGolden } from "../support/golden.js";

interface Case {
  readonly op: string;
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
  readonly kernel: number;
  readonly label_smoothing: number;
}

const golden = readGolden("layers.safetensors");
const cases: Readonly<Record<string, Case>> = JSON.parse(golden.metadata.cases);

const functions: Readonly<Record<string, (x: Tensor, settings: Case, labels: Tensor) => Tensor>> = {
  max_pool2d: (x, { kernel, stride, padding }) => maxPool2d(x, kernel, stride, padding),
  avg_pool2d: (x, { kernel, stride }) => avgPool2d(x, kernel, stride),
  global_average_pool: globalAveragePool,
  relu,
  silu,
  sigmoid,
  log_softmax: (x) => callUntyped("aten::log_softmax.int", [x, -1]),
  cross_entropy: (x, { label_smoothing }, labels) => crossEntropy(x, labels, label_smoothing),
};

/** The layer with its golden parameters, or undefined for a function without any. */
function layer(name: string, { op, stride, padding, groups }: Case, dtype: DType): Module | undefined {
  if (op !== "conv2d" && op !== "linear") return undefined;
  const weight = golden.tensor(`${name}/weight`);
  const bias = golden.has(`${name}/bias`);
  const [outputs, inputs, size] = weight.shape;
  const module =
    op === "linear"
      ? new Linear(inputs, outputs)
      : new Conv2d(inputs * groups, outputs, size, { stride, padding, groups, bias });
  module.initialize(0, dtype);
  for (const [parameter, target] of module.namedParameters()) target.load(golden.tensor(`${name}/${parameter}`));
  return module;
}

describe.each(["float64", "float32"] as const)("%s", (dtype) => {
  const limit = dtype === "float64" ? 1e-10 : 1e-4;

  test.each(Object.keys(cases))("%s", (name) => {
    const settings = cases[name];
    const expectClose = (actual: Tensor | undefined, key: string) =>
      expect(maxDifference(actual?.toNumbers() ?? [], golden.numbers(`${name}/${key}`)), key).toBeLessThan(limit);
    for (const layout of [channelsLast, detach]) {
      scope(() => {
        const module = layer(name, settings, dtype);
        const labels = golden.has(`${name}/labels`) ? golden.tensor(`${name}/labels`) : golden.tensor(`${name}/input`);
        const run = (x: Tensor, context: Omit<ForwardContext, "route">) =>
          module?.forward(x, { ...context, route: "main" }) ?? functions[settings.op](x, settings, labels);
        const weighted = (y: Tensor) => sum(mul(y, cast(golden.tensor(`${name}/weighting`), dtype)));
        const input = layout(cast(golden.tensor(`${name}/input`), dtype)).requireGradient();

        // A training pass gives every gradient.
        const output = run(input, TRAIN);
        expectClose(output, "output");
        const parameters = [...(module?.namedParameters() ?? [])];
        const store = new GradientStore([input, ...parameters.map(([, { value }]) => value)]);
        store.add(weighted(output));
        const [gradient, ...others] = store.read();
        expectClose(gradient, "grad.input");
        for (const [i, [key]] of parameters.entries()) expectClose(others[i], `grad.${key}`);
        store.clear();

        // An attack's pass gives that of the input, and reaches no parameter.
        expectClose(gradientOf(weighted(run(input, ATTACK)), input), "grad.input");
        store.add(weighted(run(input, ATTACK)));
        expect(store.read().slice(1)).toEqual(parameters.map(() => undefined));
      });
    }
  });
});

test("the golden file has every layer that this test knows", () => {
  expect(new Set(Object.values(cases).map(({ op }) => op))).toEqual(
    new Set([...Object.keys(functions), "conv2d", "linear"]),
  );
});
