/** Our classifiers under every attack of an evaluation, from 8-bit pixels to robust accuracy. */
import { expect, test } from "vitest";
import { createAttack } from "../../src/attacks/create.js";
import { evaluationAttacks } from "../../src/attacks/evaluation/auto-attack.js";
import { evaluationPgd } from "../../src/attacks/evaluation/defaults.js";
import { misclassified } from "../../src/attacks/evaluation/objective.js";
import { InMemoryDataset } from "../../src/data/datasets/dataset.js";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { predict } from "../../src/evaluation/predictions.js";
import { measureRobustness, type Subject } from "../../src/evaluation/robustness.js";
import { suiteImages } from "../../src/evaluation/suite/images.js";
import type { Classifier } from "../../src/models/classifier.js";
import { imagesFromPixels } from "../../src/models/pixels.js";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK, TRAIN } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { classifierPredictor } from "../../src/predictors/classifier-predictor.js";
import { whiteBox } from "../../src/predictors/white-box.js";
import { pgd10, whiteBoxConditions } from "../../src/predictors/white-box-conditions.js";
import { keep, scope, type Tensor } from "../../src/tensor/index.js";
import { clone, mul_ } from "../../src/tensor/operators.js";
import { batchFromPixels } from "../../src/training/methods/step.js";
import { makeDataset } from "../support/datasets.js";

const CLASSES = ["a", "b", "c", "d"];
const noise = makeDataset({ length: 8, classes: 4, height: 8, width: 8 });

/** A network with trained statistics, and images whose labels are its own predictions. */
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
  const options = { norm: "linf", epsilon, classes: 4 } as const;
  const steps = { steps: 4 };
  const queries = { queries: 20 };
  const own = { autoattack: { ...steps, ...queries }, "apgd-ce": steps, "apgd-t": steps, fab: steps, square: queries };
  const run = (name: keyof typeof own) =>
    measureRobustness(
      {
        subject,
        adversaries: evaluationAttacks({ ...options, name, ...own[name] }).attacks.map((one) => adversary(one, 5)),
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
  // Neither all nor none are broken, so that the comparison is meaningful.
  expect(broken).toBeGreaterThan(0);
  expect(broken).toBeLessThan(8);
  for (const name of ["apgd-ce", "apgd-t", "fab", "square"] as const) {
    const alone = await run(name);
    expect(alone.attacks[0].outside).toBe(0);
    expect(ensemble.robustAccuracy).toBeLessThanOrEqual(alone.robustAccuracy);
  }
  expect((await run("autoattack")).outcomes).toEqual(ensemble.outcomes);
});

test("a too confident network gives a warning, because its gradients vanish", async () => {
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

test("PGD is the same in the library and in a suite: 10 steps of epsilon / 4 from one random start, the worst iterate", async () => {
  const { model, data } = await makeModel(5);
  const [batch] = evaluationBatches(data, 8);
  const epsilon = 2 / 255;
  scope(() => {
    const { images, labels, keys } = batchFromPixels(batch, { seed: 3, epoch: 0 });
    const asked: Tensor[] = [];
    const logits = (x: Tensor) => {
      asked.push(keep(clone(x)));
      return model.forward(x, { ...ATTACK, route: "main" });
    };
    const plain = createAttack({
      ...{ name: "pgd", norm: "linf", epsilon, stepSize: epsilon / 4, steps: 10 },
      ...{ target: "none", randomStart: true, cleanStartProbability: 0 },
    });
    const last = plain.perturb(logits, images, labels, keys);
    const iterates = [...asked, last];
    expect(iterates).toHaveLength(11);
    const losses = iterates.map((x) =>
      crossEntropy(model.forward(x, { ...ATTACK, route: "main" }), labels, 0, "none").toNumbers(),
    );
    const fooled = iterates.map((x) => misclassified((y) => model.forward(y, { ...ATTACK, route: "main" }), x, labels));
    const worst = images.shape[0];
    const expected = Array.from({ length: worst }, (_, n) => {
      const order = iterates.map((_, t) => t);
      const [best] = order.sort((a, b) => Number(fooled[b][n]) - Number(fooled[a][n]) || losses[b][n] - losses[a][n]);
      return iterates[best].toNumbers().slice(n * 192, (n + 1) * 192);
    }).flat();
    const attacks = evaluationAttacks({ name: "pgd", norm: "linf", epsilon, classes: 4 }).attacks;
    expect(attacks).toMatchObject([{ name: "pgd", forward: 12, backward: 10 }]);
    expect(attacks[0].attack.perturb(logits, images, labels, keys).toNumbers()).toEqual(expected);
    expect(pgd10(epsilon).perturb(logits, images, labels, keys).toNumbers()).toEqual(expected);
    for (const tensor of asked) tensor.dispose();
  });
  const images = await suiteImages(
    { name: "own", classes: CLASSES, imageSize: 8 },
    {
      length: 8,
      async *batches() {
        yield* evaluationBatches(data, 8);
      },
    },
  );
  const cells = whiteBoxConditions(images, Uint32Array.from([0, 1]), 3);
  expect(cells.map(({ attack }) => attack?.epsilon)).toEqual([1 / 255, 2 / 255, 4 / 255, 8 / 255]);
  for (const { protocol, attack } of cells) {
    expect(protocol).toEqual({ ...evaluationPgd("linf", attack?.epsilon ?? 0), iterate: "worst", seed: 3 });
  }
});
