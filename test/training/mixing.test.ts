/** Mixup and CutMix: the draws, the mixed images, and that attacks and auxiliary routes get unmixed images. */
import { describe, expect, test } from "vitest";
import { createAttack } from "../../src/attacks/create.js";
import { linf } from "../../src/attacks/threat-model.js";
import { trainingLoader } from "../../src/data/loading/loader.js";
import { drawBeta, type Mixing, withMixing } from "../../src/data/loading/mixing.js";
import { createClassifier } from "../../src/models/registry.js";
import type { ForwardContext } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { isAuxiliary } from "../../src/nn/routed-batch-norm.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { METHODS } from "../../src/recipes/schema.js";
import { fromArray, GradientStore, scope, type Tensor } from "../../src/tensor/index.js";
import { channelsLast, keyedUniform } from "../../src/tensor/operators.js";
import { METHOD_TABLE, type Method } from "../../src/training/methods/methods.js";
import { cleanImages, cleanLossOf } from "../../src/training/methods/mixing.js";
import { batchFromPixels } from "../../src/training/methods/step.js";
import { makeDataset } from "../support/datasets.js";
import { codedError } from "../support/errors.js";
import { maxDifference } from "../support/golden.js";

const dataset = makeDataset({ length: 20, classes: 4, height: 8, width: 8 });
const AUGMENTATION = { crop: 1, flip: true };
const loaderOf = (mixing: Mixing, batchSize = 5, leavePending = false) =>
  withMixing(trainingLoader(dataset, { batchSize, seed: 3, augmentation: AUGMENTATION, leavePending }), mixing, 3);

async function batchesOf(mixing: Mixing, batchSize?: number, firstStep = 0, leavePending = false) {
  const batches = [];
  for await (const batch of loaderOf(mixing, batchSize, leavePending).epoch(1, firstStep)) batches.push(batch);
  return batches;
}

test.each([0.2, 0.5, 1, 1.5, 4])("shares have the distribution Beta(%d, %d)", (alpha) => {
  const draws = Array.from({ length: 20_000 }, (_, i) => drawBeta(new KeyedRandom(1, Purpose.mixing, 0, i), alpha, 3));
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
  const moment = (order: number) => draws.reduce((sum, x) => sum + (x - 0.5) ** order, 0) / draws.length;
  // Variance 1 / (4 (2a + 1)), fourth central moment 3 / (16 (2a + 1) (2a + 3)).
  const variance = 1 / (4 * (2 * alpha + 1));
  const fourth = 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3));
  expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(variance / draws.length));
  expect(Math.abs(moment(2) - variance)).toBeLessThan(4 * Math.sqrt((fourth - variance ** 2) / draws.length));
  expect(Math.abs(moment(4) / fourth - 1)).toBeLessThan(0.05);
  expect(draws.every((x) => x >= 0 && x <= 1)).toBe(true);
});

describe("masks", () => {
  test("are keyed by the sample: they do not depend on the batch or the first step", async () => {
    for (const mixing of [
      { mixup: 0.4, cutmix: 0 },
      { mixup: 0, cutmix: 1 },
      { mixup: 0.4, cutmix: 1 },
    ]) {
      const whole = await batchesOf(mixing);
      expect(await batchesOf(mixing, 5, 2)).toEqual(whole.slice(2));
      const byImage = (batches: Awaited<ReturnType<typeof batchesOf>>) =>
        new Map(
          batches.flatMap(({ samples, mix }) => {
            const size = mix!.height * mix!.width;
            return Array.from(
              samples,
              (sample, i) => [sample, String(mix!.shares.slice(i * size, (i + 1) * size))] as const,
            );
          }),
        );
      expect(byImage(await batchesOf(mixing, 10))).toEqual(byImage(whole));
      expect(new Set(byImage(whole).values()).size).toBeGreaterThan(12);
    }
  });

  test("are a rectangle of about the drawn area for CutMix, and one share for Mixup", async () => {
    const [cut] = await batchesOf({ mixup: 0, cutmix: 1 }, 20);
    for (let i = 0; i < 20; i++) {
      const mask = [...cut.mix!.shares.slice(i * 64, (i + 1) * 64)];
      expect(mask.every((value) => value === 0 || value === 1)).toBe(true);
      const zeros = mask.flatMap((value, at) => (value === 0 ? [[at >> 3, at & 7]] : []));
      const span = (axis: number) => {
        const places = zeros.map((place) => place[axis]);
        return zeros.length === 0 ? 0 : Math.max(...places) - Math.min(...places) + 1;
      };
      expect(zeros.length).toBe(span(0) * span(1));
    }
    const [mixed] = await batchesOf({ mixup: 0.4, cutmix: 0 }, 20);
    expect([mixed.mix!.height, mixed.mix!.width, mixed.mix!.shares.length]).toEqual([1, 1, 20]);
    const [both] = await batchesOf({ mixup: 0.4, cutmix: 1 }, 20);
    const cuts = Array.from({ length: 20 }, (_, i) => new Set(both.mix!.shares.slice(i * 64, (i + 1) * 64)));
    expect(cuts.some((values) => [...values].some((value) => value > 0 && value < 1))).toBe(true);
    expect(cuts.some((values) => values.has(0) && values.has(1))).toBe(true);
  });

  test("do not change the images that a loader gives, and a bad alpha is refused", async () => {
    const [[mixed], [plain]] = [await batchesOf({ mixup: 0.4, cutmix: 0 }), await batchesOf({ mixup: 0, cutmix: 0 })];
    expect(mixed.pixels).toEqual(plain.pixels);
    expect(codedError(() => loaderOf({ mixup: -1, cutmix: 0 })).code).toBe("ERR_MIXING");
  });

  test("reach the step with images that are cropped there too", async () => {
    const mixing = { mixup: 0, cutmix: 1 };
    const [[done], [pending]] = [await batchesOf(mixing), await batchesOf(mixing, 5, 0, true)];
    scope(() => {
      const [a, b] = [done, pending].map((pixels) => batchFromPixels(pixels, { seed: 3, epoch: 1 }));
      expect(cleanImages(a).toNumbers()).toEqual(cleanImages(b).toNumbers());
    });
  });
});

test("an image is mixed with the image at the mirrored index, and so are the losses of their labels", () => {
  scope(() => {
    const images = channelsLast(fromArray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [2, 3, 1, 2], "float64"));
    const mix = fromArray([1, 0, 0.25, 0.75], [2, 1, 1, 2], "float64");
    // m x + (1 - m) x', by pixel.
    expect(cleanImages({ images, mix }).toNumbers()).toEqual([0, 7, 2, 9, 4, 11, 1.5, 5.5, 3.5, 7.5, 5.5, 9.5]);
    const logits = fromArray([1, 0, -1, 0.5, 2, 0], [2, 3], "float64");
    const labels = fromArray([0, 2], [2], "int64");
    const loss = (row: number, label: number) => {
      const values = [
        [1, 0, -1],
        [0.5, 2, 0],
      ][row];
      return Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0)) - values[label];
    };
    const expected = (0.5 * loss(0, 0) + 0.5 * loss(0, 2) + 0.5 * loss(1, 2) + 0.5 * loss(1, 0)) / 2;
    expect(cleanLossOf(logits, { labels, mix }, 0).item()).toBeCloseTo(expected, 12);
    expect(cleanLossOf(logits, { labels }, 0.1).item()).toBe(crossEntropy(logits, labels, 0.1).item());
    const all = fromArray([1, 1], [2, 1, 1, 1], "float64");
    expect(cleanImages({ images, mix: all }).toNumbers()).toEqual(images.toNumbers());
  });
});

test.each(METHODS.filter((name) => name !== "adversarial"))("%s mixes only its clean images", (name) => {
  scope(() => {
    const method: Method = METHOD_TABLE[name];
    const model = createClassifier("resnet8", { classes: ["a", "b", "c"], routes: method.routes, imageSize: 8 });
    model.initialize(1, "float64");
    const parameters = Array.from(model.network.namedParameters());
    const [samples, count] = [fromArray([4, 5, 6, 7], [4], "int64"), 4];
    const draw = (stream: number) =>
      channelsLast(
        keyedUniform(samples, [3, 8, 8], { seed: 1, epoch: 0, purpose: Purpose.synthesis, stream }, "float64"),
      );
    const batch = {
      images: draw(0),
      ...(method.views.length > 1 && { moreViews: [draw(1)] }),
      labels: fromArray([0, 1, 2, 1], [4], "int64"),
      keys: { seed: 1, epoch: 0, samples },
    };
    const passes = (mix: Tensor | undefined) => {
      const seen: { images: number[]; context: ForwardContext }[] = [];
      const forward = (images: Tensor, context: ForwardContext) => {
        seen.push({ images: images.toNumbers(), context });
        return model.forward(images, context);
      };
      // Noise does not use the network, so it depends only on the attack's input.
      const attack = createAttack({ name: "noise", norm: "linf", epsilon: 8 / 255 });
      const owners = parameters.map(([key]) => (isAuxiliary(key) ? ("auxiliary" as const) : ("shared" as const)));
      const gradients = new GradientStore(parameters.map(([, { value }]) => value));
      const singleStep = { threatModel: linf(8 / 255), stepSize: 8 / 255, owners };
      method.makeStep({ model: { forward }, gradients, attack, labelSmoothing: 0, singleStep })({ ...batch, mix });
      gradients.clear();
      return seen;
    };
    const mix = fromArray([0.5, 0.25, 1, 0.75], [4, 1, 1, 1], "float64");
    const [plain, mixed] = [passes(undefined), passes(mix)];
    expect(mixed.length).toBe(plain.length);
    const size = 3 * 8 * 8;
    let changed = 0;
    plain.forEach((pass, i) => {
      const clean = name === "mixture" ? count * size : pass.images.length;
      const differs = maxDifference(pass.images.slice(0, clean), mixed[i].images.slice(0, clean)) > 0.01;
      if (differs) changed += 1;
      if (pass.context.route !== "main") expect(differs, `pass ${i}`).toBe(false);
      // The adversarial half of a mixture.
      expect(mixed[i].images.slice(clean)).toEqual(pass.images.slice(clean));
    });
    expect(changed).toBe(name === "vanilla-two-views" ? 2 : 1);
  });
});
