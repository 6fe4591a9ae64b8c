/** A step that cannot be captured runs without a graph and gives the same results. On a GPU: test/cuda/gpu.test.ts. */
import { expect, test } from "vitest";
import { pgd } from "../../src/attacks/pgd.js";
import { linf } from "../../src/attacks/threat-model.js";
import { createClassifier } from "../../src/models/registry.js";
import { BatchNorm } from "../../src/nn/routed-batch-norm.js";
import { Sgd } from "../../src/optim/sgd.js";
import { GradientStore, memoryStats, scope } from "../../src/tensor/index.js";
import { CapturedStep } from "../../src/training/captured-step.js";
import { advPropStep } from "../../src/training/methods/advprop.js";
import type { Batch } from "../../src/training/methods/step.js";
import { update } from "../../src/training/update.js";

const [COUNT, SIDE] = [4, 16];

const batch = (step: number) => ({
  pixels: Uint8Array.from({ length: COUNT * SIDE * SIDE * 3 }, (_, i) => Math.imul(i + step, 2654435761) >>> 24),
  labels: Int32Array.from({ length: COUNT }, (_, i) => i % 3),
  samples: Uint32Array.from({ length: COUNT }, (_, i) => COUNT * step + i),
  height: SIDE,
  width: SIDE,
});

/** Four updates over two epochs: their measures, and the network afterwards. `before` is called before each update. */
function train(capture: boolean, before = (_step: number): void => {}) {
  const model = createClassifier("resnet8", { classes: ["a", "b", "c"], routes: ["aux"], imageSize: SIDE }).initialize(
    1,
  );
  for (const [, module] of model.network.namedModules()) if (module instanceof BatchNorm) module.count(50);
  const named = Array.from(model.network.namedParameters());
  const gradients = new GradientStore(named.map(([, { value }]) => value));
  const optimizer = new Sgd(named, { momentum: 0.9, nesterov: true, weightDecay: 1e-4, decays: () => true });
  const ball = { threatModel: linf(4 / 255), stepSize: 1 / 255, steps: 2 };
  const attack = pgd({ ...ball, target: "random", randomStart: true });
  let calls = 0;
  const step = (given: Batch) => {
    calls += 1;
    return advPropStep({ model, attack, gradients, labelSmoothing: 0 }, given);
  };
  const captured = capture ? new CapturedStep(model, step, gradients) : undefined;
  const results = [0, 1, 2, 3].map((i) => {
    before(i);
    const context = { seed: 0, epoch: i >> 1, step: i, rate: 0.01, saved: 0 };
    return update({ step, captured, gradients, optimizer }, [batch(i)], context);
  });
  const state = Array.from(model.network.state(), ([name, tensor]) => [name, tensor.toNumbers()] as const);
  model.dispose();
  for (const tensor of optimizer.state().values()) tensor.dispose();
  return { results, state, calls, refusal: captured?.refusal };
}

test("losses, gradients, weights, statistics and counters are those of the step itself", () => {
  const [{ refusal, ...actual }, { refusal: none, ...expected }] = [
    scope(() => train(true)),
    scope(() => train(false)),
  ];
  expect(actual).toEqual(expected);
  expect(none).toBeUndefined();
  expect(refusal).toMatch(/CUDA/);
});

test("no tensor is left behind", () => {
  const live: number[] = [];
  scope(() => train(true, () => live.push(memoryStats().liveTensors)));
  // The first update makes the tensors that the network keeps. The later ones must add none.
  expect(new Set(live.slice(1)).size).toBe(1);
});
