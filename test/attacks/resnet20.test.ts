/** Attacks on a real network: a published CIFAR-10 ResNet-20 of plain training, which has no robustness. */
import { describe, expect, test } from "vitest";
import { evaluationAttacks } from "../../src/attacks/evaluation/auto-attack.js";
import type { EvaluationAttackName } from "../../src/attacks/evaluation/names.js";
import { limitPrefix } from "../../src/data/datasets/subset.js";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { openDataset } from "../../src/data/open-data.js";
import { measureRobustness } from "../../src/evaluation/robustness.js";
import { openPredictor } from "../../src/predictors/open.js";
import { whiteBox } from "../../src/predictors/white-box.js";
import { testData } from "../support/data.js";

const weights = testData("weights/resnet20-12fca82f.th");
const cifar = testData("cifar10");
describe.skipIf(weights === undefined || cifar === undefined)("a published ResNet-20", () => {
  test("PGD-20 at 8/255 leaves 0 to 1 %, and so does APGD", async () => {
    const predictor = await openPredictor(weights as string, { threads: 1 });
    if (predictor.access !== "white-box") throw new Error("our own weights open as a white box");
    const { subject, adversary } = whiteBox(predictor.classifier);
    const images = limitPrefix(await openDataset(cifar as string, "test"), 60);
    const epsilon = 8 / 255;
    const run = (name: EvaluationAttackName) =>
      measureRobustness(
        {
          subject,
          adversaries: evaluationAttacks({ name, norm: "linf", epsilon, classes: 10 }).attacks.map((one) =>
            adversary(one, 0),
          ),
          norm: "linf",
          epsilon,
          count: images.length,
        },
        evaluationBatches(images, 60),
      );
    const pgd = await run("pgd");
    expect(pgd.cleanAccuracy).toBeGreaterThan(0.85);
    expect(pgd.warnings).toEqual([]);
    expect(pgd.attacks[0].outside).toBe(0);
    expect(pgd.robustAccuracy).toBeLessThanOrEqual(0.01);
    const apgd = await run("apgd-ce");
    expect(apgd.attacks[0].outside).toBe(0);
    expect(apgd.robustAccuracy).toBeLessThanOrEqual(0.01);
    await predictor.close();
  });
});
