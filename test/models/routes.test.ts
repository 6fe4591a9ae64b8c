/** Routes of a whole network: each route has its own norms, and the main route is a network by itself. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pgd } from "../../src/attacks/pgd.js";
import { linf } from "../../src/attacks/threat-model.js";
import { createClassifier } from "../../src/models/registry.js";
import { loadState, stateOf } from "../../src/models/weights.js";
import { ATTACK, EVAL, type ForwardContext, TRAIN } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { Sgd } from "../../src/optim/sgd.js";
import { fromArray, GradientStore, scope, type Tensor } from "../../src/tensor/index.js";
import { keyedUniform } from "../../src/tensor/operators.js";

const SAMPLES = [0, 1, 2, 3, 4, 5];
const labelsOf = (values: readonly number[]) => fromArray(values, [values.length], "int64");
const images = keyedUniform(labelsOf(SAMPLES), [3, 8, 8], { seed: 1, epoch: 0, purpose: 13 });
const others = keyedUniform(labelsOf(SAMPLES), [3, 8, 8], { seed: 2, epoch: 0, purpose: 13 });
const labels = labelsOf(SAMPLES.map((sample) => sample % 3));
const keys = { seed: 1, epoch: 0, samples: labelsOf(SAMPLES) };

const classifier = (routes: readonly string[]) =>
  createClassifier("resnet20", { classes: ["a", "b", "c"], routes, imageSize: 8 }).initialize(1);
type Model = ReturnType<typeof classifier>;

/** Whether a name belongs to a norm of a route or is shared. */
const ownerOf = (routes: readonly string[], name: string): string => {
  const auxiliary = /\.aux_bn\.(\d+)\./.exec(name);
  if (auxiliary !== null) return routes[Number(auxiliary[1])];
  return /(^|\.)bn\d\./.test(name) ? "main" : "shared";
};
const stateOfRoute = (model: Model, routes: readonly string[], route: string) =>
  Array.from(model.network.state(), ([name, tensor]) => [name, tensor] as const)
    .filter(([name]) => ownerOf(routes, name) === route)
    .map(([name, tensor]) => [name, tensor.toNumbers()]);
const outputs = (model: Model, route: string, statistics: "running" | "batch" = "running") =>
  scope(() => model.forward(images, { ...EVAL, statistics, route }).toNumbers());

describe("routes of a network", () => {
  const routes = ["aux", "strong"];
  const all = ["main", ...routes];

  test("a pass through one route changes neither the statistics nor the outputs of another", () => {
    const contexts = fc.constantFrom<Omit<ForwardContext, "route">>(
      TRAIN,
      ATTACK,
      { ...TRAIN, update: false },
      {
        ...ATTACK,
        statistics: "batch",
      },
    );
    const model = classifier(routes);
    fc.assert(
      fc.property(fc.constantFrom(...all), contexts, (route, context) => {
        const rest = all.filter((name) => name !== route);
        const before = rest.map((name) => [stateOfRoute(model, routes, name), outputs(model, name)]);
        const own = stateOfRoute(model, routes, route);
        scope(() => model.forward(others, { ...context, route }));
        expect(rest.map((name) => [stateOfRoute(model, routes, name), outputs(model, name)])).toEqual(before);
        if (context.update) expect(stateOfRoute(model, routes, route)).not.toEqual(own);
        else expect(stateOfRoute(model, routes, route)).toEqual(own);
      }),
      { numRuns: 15 },
    );
  });

  test.each(all)("with shared weights frozen, training through %s changes its own outputs only", (route) => {
    const model = classifier(routes);
    for (const name of all) scope(() => model.forward(images, { ...TRAIN, route: name }));
    const named = Array.from(model.network.namedParameters()).filter(([name]) => ownerOf(routes, name) !== "shared");
    const gradients = new GradientStore(named.map(([, { value }]) => value));
    const optimizer = new Sgd(named, { momentum: 0.9, nesterov: true, weightDecay: 1e-2, decays: () => true });
    const before = all.map((name) => outputs(model, name));
    for (let step = 0; step < 3; step++) {
      scope(() => {
        gradients.add(crossEntropy(model.forward(others, { ...TRAIN, route }), labels));
        optimizer.step(gradients.read(), 0.1);
        gradients.clear();
      });
    }
    for (const [i, name] of all.entries()) {
      if (name === route) expect(outputs(model, name)).not.toEqual(before[i]);
      else expect(outputs(model, name), name).toEqual(before[i]);
    }
  });

  test("a loss through one route gives gradients to the shared weights and its own norms only", () => {
    const model = classifier(routes);
    const named = Array.from(model.network.namedParameters());
    const gradients = new GradientStore(named.map(([, { value }]) => value));
    for (const route of all) {
      scope(() => {
        gradients.add(crossEntropy(model.forward(images, { ...TRAIN, route }), labels));
        for (const [i, gradient] of gradients.read().entries()) {
          const owner = ownerOf(routes, named[i][0]);
          expect(gradient !== undefined, named[i][0]).toBe(owner === "shared" || owner === route);
        }
        gradients.clear();
      });
    }
  });

  test("evaluation is unchanged by any sequence of attacks", () => {
    const model = classifier(routes);
    for (const name of all) scope(() => model.forward(others, { ...TRAIN, route: name }));
    const before = all.map((name) => [outputs(model, name), outputs(model, name, "batch")]);
    const attacks = fc.array(
      fc.record({
        route: fc.constantFrom(...all),
        target: fc.constantFrom("random" as const, "none" as const),
        steps: fc.integer({ min: 1, max: 2 }),
        statistics: fc.constantFrom("running" as const, "batch" as const),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(attacks, (sequence) => {
        for (const { route, target, steps, statistics } of sequence) {
          const attack = pgd({ threatModel: linf(8 / 255), stepSize: 2 / 255, steps, target, randomStart: true });
          const logits = (x: Tensor) => model.forward(x, { ...ATTACK, statistics, route });
          scope(() => attack.perturb(logits, others, labels, keys));
        }
        expect(all.map((name) => [outputs(model, name), outputs(model, name, "batch")])).toEqual(before);
      }),
      { numRuns: 10 },
    );
  });

  test("without the auxiliary keys the state is that of the plain network, with bitwise equal outputs", () => {
    const model = classifier(routes);
    for (const name of all) scope(() => model.forward(others, { ...TRAIN, route: name }));
    const plain = classifier([]);
    const stripped = new Map([...stateOf(model.network)].filter(([name]) => !name.includes(".aux_bn.")));
    expect([...stripped.keys()]).toEqual([...plain.network.state().keys()]);
    expect(outputs(plain, "main")).not.toEqual(outputs(model, "main"));
    loadState(plain.network.state(), stripped, "stripped");
    expect(outputs(plain, "main")).toEqual(outputs(model, "main"));
  });
});
