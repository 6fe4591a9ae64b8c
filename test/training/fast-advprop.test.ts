/** Properties of Fast AdvProp's step and of a run. test/golden/method-steps.test.ts compares the step with NumPy. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { TrainEvent } from "../../src/api/events.js";
import { train } from "../../src/api/training/train.js";
import { linf } from "../../src/attacks/threat-model.js";
import { createClassifier } from "../../src/models/registry.js";
import type { ForwardContext } from "../../src/nn/context.js";
import { isAuxiliary } from "../../src/nn/routed-batch-norm.js";
import { Purpose } from "../../src/random.js";
import { epochsOf } from "../../src/recipes/build/epochs.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { RunDirectory } from "../../src/runs/run-directory.js";
import { fromArray, GradientStore, scope, type Tensor } from "../../src/tensor/index.js";
import { channelsLast, keyedUniform, rows } from "../../src/tensor/operators.js";
import { attackedOf, fastAdvPropStep } from "../../src/training/methods/fast-advprop.js";
import type { ParameterOwner } from "../../src/training/methods/step.js";
import { codedError, codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { maxDifference, relativeL2 } from "../support/golden.js";

const [COUNT, CLASSES, SIDE] = [10, 5, 8];
const ATTACKED = 3;

function make() {
  const classes = Array.from({ length: CLASSES }, (_, i) => String(i));
  const model = createClassifier("resnet8", { classes, routes: ["aux"], imageSize: SIDE }).initialize(1, "float64");
  const parameters = Array.from(model.network.namedParameters());
  const gradients = new GradientStore(parameters.map(([, { value }]) => value));
  const owners = parameters.map(
    ([name, { kind }]): ParameterOwner => (isAuxiliary(name) ? "auxiliary" : kind === "norm" ? "main" : "shared"),
  );
  const passes: { images: Tensor; context: ForwardContext; labels?: number[] }[] = [];
  const forward = (images: Tensor, context: ForwardContext) => {
    passes.push({ images, context });
    return model.forward(images, context);
  };
  const singleStep = { threatModel: linf(8 / 255), stepSize: 8 / 255, owners };
  const parts = {
    model: { forward },
    gradients,
    labelSmoothing: 0,
    singleStep,
    attack: {
      perturb: () => {
        throw new Error("asked for an attack");
      },
    },
  };
  return { model, parts, passes, gradients, owners };
}

function batch(first = 0, repeats?: number[]) {
  const samples = fromArray(
    Array.from({ length: COUNT }, (_, i) => first + i),
    [COUNT],
    "int64",
  );
  const key = { seed: 5, epoch: 0, purpose: Purpose.synthesis, stream: 0 };
  const images = channelsLast(keyedUniform(samples, [3, SIDE, SIDE], key, "float64"));
  const labels = fromArray(
    Array.from({ length: COUNT }, (_, i) => (first + i) % CLASSES),
    [COUNT],
    "int64",
  );
  return { images, labels, keys: { seed: 5, epoch: 1, samples, ...(repeats && { repeats }) } };
}

const flat = (gradients: GradientStore) => gradients.read().map((one) => one?.toNumbers() ?? []);

describe("a step", () => {
  test("differs from AdvProp: no image is both clean and attacked, and the attack needs no extra pass", () => {
    scope(() => {
      const { parts, passes } = make();
      const given = batch();
      fastAdvPropStep(parts, 0.3, given);
      const clean = COUNT - ATTACKED;
      expect(passes.map(({ images, context }) => [images.shape[0], context.route, context.statistics])).toEqual([
        [clean, "main", "batch"],
        [ATTACKED, "aux", "batch"],
        [ATTACKED, "aux", "batch"],
      ]);
      expect(passes[0].images.toNumbers()).toEqual(rows(given.images, 0, clean).toNumbers());
      // The noise pass uses points in the balls around the other images.
      const rest = rows(given.images, clean, COUNT).toNumbers();
      const change = maxDifference(passes[1].images.toNumbers(), rest);
      expect(change).toBeGreaterThan(0);
      expect(change).toBeLessThanOrEqual(8 / 255 + 1e-12);
    });
  });

  test("attacks away from the labels: the loss rises from the noise to the adversarial pass", () => {
    scope(() => {
      const { parts } = make();
      const losses = fastAdvPropStep(parts, 0.3, batch());
      expect(losses.adversarialLoss!.item()).toBeGreaterThan(losses.noiseLoss!.item());
    });
  });

  test("passes only clean images through the main norms, and only attacked images through the auxiliary ones", () => {
    scope(() => {
      const gradientsOf = (change: (images: number[]) => number[]) => {
        const { parts, model, gradients, owners } = make();
        const given = batch();
        const images = channelsLast(fromArray(change(given.images.toNumbers()), given.images.shape, "float64"));
        fastAdvPropStep(parts, 0.3, { ...given, images });
        const state = Array.from(model.network.state(), ([name, tensor]) => [name, tensor.toNumbers()] as const);
        const all = flat(gradients);
        return {
          main: all.filter((_, i) => owners[i] === "main"),
          auxiliary: all.filter((_, i) => owners[i] === "auxiliary"),
          mainStatistics: state.filter(([name]) => name.includes("running_") && !isAuxiliary(name)),
          auxiliaryStatistics: state.filter(([name]) => name.includes("running_") && isAuxiliary(name)),
        };
      };
      const border = 3 * SIDE * SIDE * (COUNT - ATTACKED);
      const as = gradientsOf((images) => images);
      const otherClean = gradientsOf((images) => images.map((value, i) => (i < border ? 1 - value : value)));
      const otherAttacked = gradientsOf((images) => images.map((value, i) => (i < border ? value : 1 - value)));
      expect([otherClean.auxiliary, otherClean.auxiliaryStatistics]).toEqual([as.auxiliary, as.auxiliaryStatistics]);
      expect(otherClean.main).not.toEqual(as.main);
      expect([otherAttacked.main, otherAttacked.mainStatistics]).toEqual([as.main, as.mainStatistics]);
      expect(otherAttacked.auxiliary).not.toEqual(as.auxiliary);
    });
  });

  test("is re-balanced: otherwise the norms of a route would learn more slowly, by their share of the images", () => {
    scope(() => {
      const of = (balanced: boolean) => {
        const { parts, gradients, owners } = make();
        const same = owners.map((): ParameterOwner => "shared");
        fastAdvPropStep(
          balanced ? parts : { ...parts, singleStep: { ...parts.singleStep, owners: same } },
          0.3,
          batch(),
        );
        return { all: flat(gradients), owners };
      };
      const [balanced, raw] = [of(true), of(false)];
      const factors = { shared: 1, main: COUNT / (COUNT - ATTACKED), auxiliary: COUNT / ATTACKED };
      balanced.owners.forEach((owner, i) => {
        const expected = raw.all[i].map((value) => value * factors[owner]);
        expect(maxDifference(balanced.all[i], expected)).toBeLessThan(1e-12);
      });
      expect(new Set(balanced.owners).size).toBe(3);
    });
  });

  test("adds to the gradients of earlier mini-batches, each re-balanced separately", () => {
    scope(() => {
      const separate = [0, 100].map((first) => {
        const { parts, gradients } = make();
        fastAdvPropStep(parts, 0.3, batch(first));
        return flat(gradients).flat();
      });
      const { parts, gradients } = make();
      for (const first of [0, 100]) fastAdvPropStep(parts, 0.3, batch(first));
      expect(
        relativeL2(
          flat(gradients).flat(),
          separate[0].map((value, i) => value + separate[1][i]),
        ),
      ).toBeLessThan(1e-12);
    });
  });

  test("shuffles labels, keys and visits with the adversarial images", () => {
    scope(() => {
      const { parts, passes } = make();
      const given = batch(
        0,
        Array.from({ length: COUNT }, (_, i) => i),
      );
      fastAdvPropStep(parts, 0.9, given);
      const before = given.keys.samples.toNumbers().slice(1);
      const { keys } = passes[2].context;
      const after = keys!.samples.toNumbers();
      expect(after).not.toEqual(before);
      expect(after.toSorted((a, b) => a - b)).toEqual(before);
      expect(keys!.repeats).toEqual(after);
    });
  });
});

test("the share of a mini-batch is rounded, and there is always an image of each kind", () => {
  expect([attackedOf(80, 0.2), attackedOf(128, 0.2), attackedOf(2, 0.2), attackedOf(4, 0.99)]).toEqual([16, 26, 1, 3]);
  expect(codedError(() => attackedOf(1, 0.2)).code).toBe("ERR_BATCH_SIZE");
});

test("the number of epochs is divided by the cost of one: 88 instead of 105, as in the published script", () => {
  const of = (training: Recipe["training"], method: Recipe["method"] = "fast-advprop") =>
    epochsOf(resolveRecipe({ method, training }));
  expect([of({ epochs: 105 }), of({ epochs: 15 }), of({ epochs: 1 })]).toEqual([88, 13, 1]);
  expect(of({ epochs: 105, adversarialShare: 0.5 })).toBe(70);
  for (const method of ["vanilla", "advprop"] as const) expect(of({ epochs: 105 }, method)).toBe(105);
});

test("a run has this number of epochs, its schedule ends with them, and it is resumed bit for bit", async () => {
  const recipe: Recipe = {
    model: "resnet8",
    method: "fast-advprop",
    threads: 1,
    data: { path: "shapes", shapes: { images: 32, validationImages: 8, testImages: 8 } },
    training: { epochs: 3, adversarialShare: 0.5, batchSize: 16, logEverySteps: 1 },
    schedule: { name: "multi-step", milestones: [1.5], warmupFraction: 0 },
  };
  const folder = temporaryFolder();
  const events: TrainEvent[] = [];
  const whole = join(folder, "whole");
  await train(recipe, { run: whole, onEvent: (event) => void events.push(event) });
  const steps = events.flatMap((event) => (event.type === "step" ? [event] : []));
  expect(steps.map(({ epochs, totalSteps }) => [epochs, totalSteps])).toEqual(Array(4).fill([2, 4]));
  // A milestone at half of the recipe's epochs is at half of the trained epochs.
  expect(steps.map(({ learningRate }) => +learningRate.toFixed(6))).toEqual([0.1, 0.1, 0.01, 0.01]);
  expect(Object.keys(steps[0].losses).sort()).toEqual(["adversarialLoss", "cleanLoss", "noiseLoss"]);
  expect(
    events.some(
      (event) => event.type === "note" && event.message.startsWith("Epochs: 2, which cost about as much as 3"),
    ),
  ).toBe(true);

  const parts = join(folder, "parts");
  const stop = new AbortController();
  await train(recipe, {
    run: parts,
    signal: stop.signal,
    onEvent: (event) => void (event.type === "step" && stop.abort()),
  });
  await train({}, { run: parts, resume: true });
  const weightsOf = (run: string) => readFileSync(RunDirectory.open(run).checkpoint("last").weights);
  expect(weightsOf(parts).equals(weightsOf(whole))).toBe(true);

  const error = await codedRejection(train({ training: { epochs: 2 } }, { run: whole, resume: true }));
  expect(error.message).toContain("2 epochs are done; got 2, which fast-advprop trains as 1");
});
