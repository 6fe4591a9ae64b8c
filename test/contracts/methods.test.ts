/** What one step of every method must do: its passes, its routes, the statistics it moves, and its loss. */
import { describe, expect, test } from "vitest";
import type { Attack } from "../../src/attacks/attack.js";
import { createAttack } from "../../src/attacks/create.js";
import { linf } from "../../src/attacks/threat-model.js";
import { Classifier } from "../../src/models/classifier.js";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK, type ForwardContext, TRAIN } from "../../src/nn/context.js";
import { keysOfRows, type SampleKeys } from "../../src/nn/keys.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { isAuxiliary } from "../../src/nn/routed-batch-norm.js";
import { Purpose } from "../../src/random.js";
import { METHODS } from "../../src/recipes/schema.js";
import { fromArray, GradientStore, gradientOf, memoryStats, scope, type Tensor } from "../../src/tensor/index.js";
import { add, concat, detach, keyedUniform, mul, rows, sign } from "../../src/tensor/operators.js";
import type { Perturbation } from "../../src/training/methods/method-traits.js";
import { forwardBackwardUnits, METHOD_TABLE, type Method } from "../../src/training/methods/methods.js";
import {
  type Batch,
  type LossWeights,
  type SingleStepParts,
  type StepLosses,
  SUM,
} from "../../src/training/methods/step.js";
import { maxDifference, relativeL2 } from "../support/golden.js";

type MethodName = (typeof METHODS)[number];

const COUNT = 4;
const CLASSES = 5;
const SMOOTHING = 0.1;
const ATTACK_STEPS = 3;
const SEED = 2;
const adversary = createAttack({
  name: "pgd",
  norm: "linf",
  epsilon: 8 / 255,
  stepSize: 4 / 255,
  steps: ATTACK_STEPS,
  target: "random",
  randomStart: true,
  cleanStartProbability: 0,
});
const ball = { norm: "linf", epsilon: 8 / 255 } as const;
const OTHERS: Partial<Record<Perturbation, Attack>> = {
  noise: createAttack({ name: "noise", ...ball }),
  "sign-noise": createAttack({ name: "sign-noise", ...ball }),
  copy: { perturb: (_logits, images) => detach(images) },
};
const attackOf = ({ perturbation }: Method): Attack => OTHERS[perturbation] ?? adversary;

interface Pass extends ForwardContext {
  readonly images: number;
}

/** A classifier that writes down its passes. */
class Recorded extends Classifier {
  readonly passes: Pass[] = [];

  override forward(images: Tensor, context: ForwardContext): Tensor {
    this.passes.push({ ...context, images: images.shape[0] });
    return super.forward(images, context);
  }
}

/** A gradient store that counts backward passes of training. */
class Counted extends GradientStore {
  added = 0;

  override addWithInput(...given: Parameters<GradientStore["addWithInput"]>) {
    this.added += 1;
    return super.addWithInput(...given);
  }

  override add(loss: Tensor, weight?: number): Tensor {
    this.added += 1;
    return super.add(loss, weight);
  }
}

function make(routes: readonly string[]): { model: Recorded; gradients: Counted } {
  const { network, specification } = createClassifier("resnet20", {
    classes: Array.from({ length: CLASSES }, (_, i) => `class ${i}`),
    routes,
  });
  const model = new Recorded(network, specification);
  model.initialize(SEED, "float64");
  return { model, gradients: new Counted(model.parameters.map(({ value }) => value)) };
}

function batch(): Batch {
  const samples = fromArray([3, 8, 1, 4], [COUNT], "int64");
  const keys = { seed: 5, epoch: 1, samples };
  const draw = (stream: number) =>
    keyedUniform(samples, [3, 8, 8], { seed: 5, epoch: 0, purpose: Purpose.synthesis, stream }, "float64");
  return { images: draw(0), moreViews: [draw(1)], labels: fromArray([0, 4, 2, 2], [COUNT], "int64"), keys };
}

const training = (route: string, images = COUNT) => ({ ...TRAIN, route, images });
const attacking = (route: string) => Array.from({ length: ATTACK_STEPS }, () => ({ ...ATTACK, route, images: COUNT }));

/** The passes of a step in order, the losses that it adds, and its cost. */
const EXPECTED: Readonly<Record<MethodName, { passes: Omit<Pass, "keys">[]; losses: number; units: number }>> = {
  vanilla: { passes: [training("main")], losses: 1, units: 1 },
  "vanilla-doubled": { passes: [training("main")], losses: 1, units: 1 },
  "vanilla-two-views": { passes: [training("main"), training("main")], losses: 2, units: 2 },
  adversarial: { passes: [...attacking("main"), training("main")], losses: 1, units: 3 },
  mixture: { passes: [...attacking("main"), training("main", 2 * COUNT)], losses: 1, units: 4 },
  "clean-copy": { passes: [training("main"), training("aux")], losses: 2, units: 2 },
  noise: { passes: [training("main"), training("aux")], losses: 2, units: 2 },
  "sign-noise": { passes: [training("main"), training("aux")], losses: 2, units: 2 },
  advprop: { passes: [...attacking("aux"), training("main"), training("aux")], losses: 2, units: 4 },
  "fine-grained": {
    passes: [training("main"), training("autoaugment"), ...attacking("adversarial"), training("adversarial")],
    losses: 3,
    units: 5,
  },
  "fast-advprop": { passes: [training("main", 3), training("aux", 1), training("aux", 1)], losses: 3, units: 1.2 },
};

/** What Fast AdvProp has in place of an attack, for a network. */
const singleStepOf = (model: Classifier): SingleStepParts => ({
  threatModel: linf(ball.epsilon),
  stepSize: ball.epsilon,
  owners: Array.from(model.network.namedParameters(), ([name, { kind }]) =>
    isAuxiliary(name) ? "auxiliary" : kind === "norm" ? "main" : "shared",
  ),
});

/**
 * The method's loss as its definition says, on a fresh network of the same weights, added as a whole: one graph, so that
 * neither the order nor the splitting of the step's own sums is repeated here.
 */
function defined(
  name: MethodName,
  ofAdversarial = SMOOTHING,
  weights: LossWeights = SUM,
): { losses: StepLosses; gradient: number[] } {
  const method = METHOD_TABLE[name];
  const { model, gradients } = make(method.routes);
  const { images, moreViews, labels, keys } = batch();
  const pass = (x: Tensor, route: string) => model.forward(x, { ...TRAIN, route, keys });
  const clean = (x: Tensor) => crossEntropy(pass(x, "main"), labels, SMOOTHING);
  const perturbed = attackOf(method).perturb(
    (x) => model.forward(x, { ...ATTACK, route: method.perturbedRoute, keys }),
    images,
    labels,
    keys,
  );
  const adversarial = () => crossEntropy(pass(perturbed, "aux"), labels, ofAdversarial);
  const losses: Readonly<
    Record<MethodName, () => { readonly factor?: number } & { readonly [loss: `${string}Loss`]: Tensor }>
  > = {
    vanilla: () => ({ cleanLoss: clean(images) }),
    "vanilla-doubled": () => ({ cleanLoss: clean(images), factor: 2 }),
    "vanilla-two-views": () => {
      const sum = crossEntropy(
        concat([pass(images, "main"), pass(moreViews![0], "main")]),
        concat([labels, labels]),
        SMOOTHING,
      );
      return { cleanLoss: sum, factor: 2 };
    },
    adversarial: () => ({ adversarialLoss: clean(perturbed) }),
    mixture: () => {
      const logits = pass(concat([images, perturbed]), "main");
      return {
        cleanLoss: crossEntropy(rows(logits, 0, COUNT), labels, SMOOTHING),
        adversarialLoss: crossEntropy(rows(logits, COUNT, 2 * COUNT), labels, ofAdversarial),
      };
    },
    "clean-copy": () => ({
      cleanLoss: clean(images),
      adversarialLoss: crossEntropy(pass(images, "aux"), labels, ofAdversarial),
    }),
    noise: () => ({ cleanLoss: clean(images), adversarialLoss: adversarial() }),
    "sign-noise": () => ({ cleanLoss: clean(images), adversarialLoss: adversarial() }),
    advprop: () => ({ cleanLoss: clean(images), adversarialLoss: adversarial() }),
    "fine-grained": () => ({
      mainLoss: clean(images),
      autoaugmentLoss: crossEntropy(pass(moreViews![0], "autoaugment"), labels, SMOOTHING),
      adversarialLoss: crossEntropy(pass(perturbed, "adversarial"), labels, ofAdversarial),
    }),
    "fast-advprop": () => {
      // Three clean images and one that is attacked, by the ascent of one step from its noise.
      const [[cleanImages, ofClean], [attacked, ofAttacked]] = [
        [0, 3],
        [3, 4],
      ].map(([from, to]) => [rows(images, from, to), rows(labels, from, to)]);
      const keysOf = (from: number, to: number) => keysOfRows(keys, from, to);
      const through = (x: Tensor, route: string, own: SampleKeys) => model.forward(x, { ...TRAIN, route, keys: own });
      const x = detach(linf(ball.epsilon).start(attacked, keysOf(3, 4))).requireGradient();
      const ofNoise = () => crossEntropy(through(x, "aux", keysOf(3, 4)), ofAttacked, ofAdversarial);
      const moved = add(x, mul(sign(gradientOf(ofNoise(), x)), ball.epsilon));
      const projected = linf(ball.epsilon).project(detach(moved), attacked);
      return {
        cleanLoss: crossEntropy(through(cleanImages, "main", keysOf(0, 3)), ofClean, SMOOTHING),
        noiseLoss: ofNoise(),
        adversarialLoss: crossEntropy(through(projected, "aux", keysOf(3, 4)), ofAttacked, ofAdversarial),
      };
    },
  };
  const { factor = 1, ...named } = losses[name]();
  const two = "cleanLoss" in named && "adversarialLoss" in named;
  if (name === "fast-advprop") {
    // Each parameter's sum over images, weighted by 1 and 1/2, over the weighted number of images that touched it.
    const sums = [mul(named.cleanLoss, 3), mul(add(named.noiseLoss, named.adversarialLoss), 1 / 2)];
    gradients.add(add(sums[0], sums[1]));
    const touched = { shared: 4, main: 3, auxiliary: 1 };
    const { owners } = singleStepOf(model);
    const gradient = gradients
      .read()
      .flatMap((one, i) => one?.toNumbers().map((value) => value / touched[owners[i]]) ?? []);
    return { losses: named, gradient };
  }
  const weighted = Object.entries(named).map(([loss, value]) =>
    two ? mul(value, loss === "cleanLoss" ? weights.clean : weights.adversarial) : value,
  );
  gradients.add(
    mul(
      weighted.reduce((sum, loss) => add(sum, loss)),
      factor,
    ),
  );
  return { losses: named, gradient: gradients.read().flatMap((one) => one?.toNumbers() ?? []) };
}

describe.each(METHODS)("%s", (name) => {
  const method: Method = METHOD_TABLE[name];
  const { passes, losses, units } = EXPECTED[name];

  function step(options: { readonly adversarialLabelSmoothing?: number; readonly lossWeights?: LossWeights } = {}) {
    const { model, gradients } = make(method.routes);
    const parts = {
      model,
      gradients,
      attack: attackOf(method),
      labelSmoothing: SMOOTHING,
      ...options,
      singleStep: singleStepOf(model),
    };
    const run = method.makeStep(parts);
    const given = batch();
    return {
      model,
      gradients,
      given,
      losses: run(method.views.length === 2 ? given : { ...given, moreViews: undefined }),
    };
  }

  test("makes its passes through its routes, and no others", () => {
    scope(() => {
      const { model, gradients } = step();
      expect(model.passes.map(({ keys, ...pass }) => pass)).toEqual(passes);
      expect(gradients.added).toBe(losses);
      expect(forwardBackwardUnits(method, ATTACK_STEPS)).toBeCloseTo(units, 12);
    });
  });

  test("moves the statistics of the routes it trains, once for each pass, and no parameter", () => {
    scope(() => {
      const { model } = step();
      const before = make(method.routes).model.network.state();
      const trained = passes.filter(({ update }) => update);
      for (const [key, tensor] of model.network.state()) {
        if (key.endsWith("num_batches_tracked")) {
          const auxiliary = /aux_bn\.(\d+)/.exec(key);
          const route = auxiliary === null ? "main" : method.routes[Number(auxiliary[1])];
          expect(tensor.item()).toBe(trained.filter((pass) => pass.route === route).length);
        } else {
          const moved = maxDifference(tensor.toNumbers(), (before.get(key) as Tensor).toNumbers()) > 0;
          expect(moved, key).toBe(key.includes("running_"));
        }
      }
    });
  });

  test.each([
    ["the labels of all losses smoothed", undefined, undefined],
    ["hard labels of its adversarial images beside clean ones", 0, undefined],
    ["labels of its adversarial images smoothed in their own way", 0.4, undefined],
    ["a third of the adversarial loss", undefined, { clean: 1, adversarial: 1 / 3 }],
    ["the mean of both losses", undefined, { clean: 0.5, adversarial: 0.5 }],
  ])("its losses and gradient are those of the definition, %s", (_, adversarialLabelSmoothing, lossWeights) => {
    scope(() => {
      const { losses, gradients } = step({ adversarialLabelSmoothing, lossWeights });
      const { losses: expected, gradient } = defined(name, adversarialLabelSmoothing, lossWeights);
      expect(Object.keys(losses).sort()).toEqual(Object.keys(expected).sort());
      for (const key of Object.keys(expected) as (keyof StepLosses)[]) {
        expect(losses[key]?.item(), key).toBeCloseTo(expected[key]?.item() ?? Number.NaN, 10);
      }
      const actual = gradients.read().flatMap((one) => one?.toNumbers() ?? []);
      expect(relativeL2(actual, gradient)).toBeLessThan(1e-10);
    });
  });

  test("leaves nothing behind but gradients and losses", () => {
    scope(() => {
      const { model, gradients } = make(method.routes);
      const given = batch();
      const singleStep = singleStepOf(model);
      const run = method.makeStep({
        model,
        gradients,
        attack: attackOf(method),
        labelSmoothing: SMOOTHING,
        singleStep,
      });
      const { liveTensors } = memoryStats();
      scope(() => void run(given));
      expect(memoryStats().liveTensors).toBe(liveTensors);
    });
  });
});

test("the table has the recipes' methods and no others", () => {
  expect(Object.keys(METHOD_TABLE).sort()).toEqual([...METHODS].sort());
});

test("AdvProp costs 5.33 times vanilla with five attack steps, 2.67 with one", () => {
  expect(forwardBackwardUnits(METHOD_TABLE.advprop, 5)).toBeCloseTo(5.33, 2);
  expect(forwardBackwardUnits(METHOD_TABLE.advprop, 1)).toBeCloseTo(2.67, 2);
});
