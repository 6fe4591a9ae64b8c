/** Our classifiers under every attack of an evaluation, from 8-bit pixels to what stands. */
import { expect, test } from "vitest";
import { evaluationAttacks } from "../../src/attacks/auto-attack.js";
import { InMemoryDataset } from "../../src/data/dataset.js";
import { evaluationBatches } from "../../src/data/loader.js";
import { predict } from "../../src/evaluation/predictions.js";
import { measureRobustness, type Subject } from "../../src/evaluation/robustness.js";
import type { Classifier } from "../../src/models/classifier.js";
import { imagesFromPixels } from "../../src/models/pixels.js";
import { createClassifier } from "../../src/models/registry.js";
import { TRAIN } from "../../src/nn/context.js";
import { classifierPredictor } from "../../src/predictors/classifier-predictor.js";
import { whiteBox } from "../../src/predictors/white-box.js";
import { scope } from "../../src/tensor/index.js";
import { mul_ } from "../../src/tensor/operators.js";
import { makeDataset } from "../support/datasets.js";

const CLASSES = ["a", "b", "c", "d"];
const noise = makeDataset({ length: 8, classes: 4, height: 8, width: 8 });

/** A network with moved statistics, and the images under its own predictions as labels. */
async function makeModel(seed: number): Promise<{ model: Classifier; data: InMemoryDataset }> {
  const model = createClassifier("resnet20", { classes: CLASSES, imageSize: 8 }).initialize(seed);
  const [batch] = evaluationBatches(noise, 8);
  scope(() => model.forward(imagesFromPixels(batch), { ...TRAIN, route: "main" }));
  const { predicted } = await predict(classifierPredictor(model), [batch]);
  const { pixels } = batch;
  return {
    model,
    data: new InMemoryDataset({ name: "own", classes: CLASSES, height: 8, width: 8, labels: predicted, pixels }),
  };
}

test("an ensemble leaves no more than any of its members, and counts each image once", async () => {
  const { model, data } = await makeModel(3);
  const { subject, adversary } = whiteBox(model);
  const epsilon = 1.5 / 255;
  const options = { norm: "linf", epsilon, classes: 4, steps: 4, queries: 20 } as const;
  const run = (names: Parameters<typeof evaluationAttacks>[0]["name"]) =>
    measureRobustness(
      {
        subject,
        adversaries: evaluationAttacks({ ...options, name: names }).attacks.map((one) => adversary(one, 5)),
        norm: "linf",
        epsilon,
        count: 8,
      },
      evaluationBatches(data, 5),
    );
  const ensemble = await run("autoattack");
  expect(ensemble.cleanAccuracy).toBe(1);
  expect(ensemble.attacks.map(({ outside }) => outside)).toEqual([0, 0, 0, 0]);
  const broken = ensemble.attacks.reduce((total, one) => total + one.broken, 0);
  expect(broken).toBe(ensemble.outcomes.filter((outcome) => outcome !== "robust").length);
  // Neither all nor none, so that the comparison says something.
  expect(broken).toBeGreaterThan(0);
  expect(broken).toBeLessThan(8);
  for (const name of ["apgd-ce", "apgd-t", "fab", "square"] as const) {
    const alone = await run(name);
    expect(alone.attacks[0].outside).toBe(0);
    expect(ensemble.robustAccuracy).toBeLessThanOrEqual(alone.robustAccuracy);
  }
  expect((await run("autoattack")).outcomes).toEqual(ensemble.outcomes);
});

test("a network that is too sure is warned of: its gradients vanish", async () => {
  const { model, data } = await makeModel(4);
  const warningsOf = async (subject: Subject) =>
    (
      await measureRobustness(
        { subject, adversaries: [], norm: "linf", epsilon: 0.1, count: 8 },
        evaluationBatches(data, 8),
      )
    ).warnings;
  expect(await warningsOf(whiteBox(model).subject)).toEqual([]);
  for (const [name, tensor] of model.network.state()) if (name === "fc.weight") scope(() => mul_(tensor, 1e5));
  const { predicted } = await predict(classifierPredictor(model), evaluationBatches(data, 8));
  data.labels.set(predicted);
  expect(await warningsOf(whiteBox(model).subject)).toEqual([
    expect.stringMatching(/gradient of the cross-entropy is zero for \d+ of 8 images/),
  ]);
});
