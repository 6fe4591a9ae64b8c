/** Attacks on a real network: a published CIFAR-10 ResNet-20 of plain training, which has no robustness. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { evaluationAttacks } from "../../src/attacks/auto-attack.js";
import type { EvaluationAttackName } from "../../src/attacks/evaluation-names.js";
import { evaluationBatches } from "../../src/data/loader.js";
import { openDataset } from "../../src/data/open-data.js";
import { limitPrefix } from "../../src/data/subset.js";
import { measureRobustness } from "../../src/evaluation/robustness.js";
import { openPredictor } from "../../src/predictors/open.js";
import { whiteBox } from "../../src/predictors/white-box.js";
import { testData } from "../support/data.js";
import { sharedTemporaryFolder } from "../support/folders.js";

const weights = testData("weights/resnet20-12fca82f.th");
const cifar = testData("cifar10");
const script = fileURLToPath(new URL("../golden/export_resnet20.py", import.meta.url));
const python = "/usr/bin/python3";
// Debian's Python with its PyTorch (apt-get install python3-torch) reads the pickled file.
const readable = spawnSync(python, ["-c", "import torch"]).status === 0;
if (!readable) console.warn(`${python} has no torch: the attacks on a published ResNet-20 are skipped`);

describe.skipIf(weights === undefined || cifar === undefined || !readable)("a published ResNet-20", () => {
  const folder = sharedTemporaryFolder();

  test("PGD-20 at 8/255 leaves 0 to 1 %, and so does APGD", async () => {
    const converted = spawnSync(python, ["-B", script, "--weights", weights as string, "--out", folder], {
      encoding: "utf8",
    });
    expect(converted.status, converted.stderr).toBe(0);
    const predictor = await openPredictor(join(folder, "resnet20.safetensors"), { threads: 1 });
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
