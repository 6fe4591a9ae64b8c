/** Compares a network that Python exported to ONNX with our network of the same weights, on real images. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadCifar } from "../../src/data/datasets/cifar.js";
import { limitPrefix } from "../../src/data/datasets/subset.js";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { openPredictor } from "../../src/predictors/open.js";
import { testData } from "../support/data.js";
import { temporaryFolder } from "../support/folders.js";

const SCRIPT = fileURLToPath(new URL("../golden/scripts/export_resnet20.py", import.meta.url));
const PYTHON = "/usr/bin/python3";
const IMAGES = 400;

const weights = testData("weights/resnet20-12fca82f.th");
const cifar = testData("cifar10");
const python = spawnSync(PYTHON, ["-c", "import torch"]).status === 0;
if (!python) console.warn(`no ${PYTHON} with torch (Debian: python3-torch): ResNet-20 from Python is not tested`);

test.skipIf(weights === undefined || cifar === undefined || !python)(
  "ResNet-20 of Python through ONNX gives our logits on CIFAR-10",
  async () => {
    const folder = temporaryFolder();
    const made = spawnSync(PYTHON, [SCRIPT, "--weights", weights!, "--out", folder], { encoding: "utf8" });
    expect(made.status, made.stderr).toBe(0);
    const onnx = await openPredictor(join(folder, "resnet20.onnx"), { threads: 1 });
    const ours = await openPredictor(join(folder, "resnet20.safetensors"), { threads: 1 });
    expect([onnx.access, ours.access]).toEqual(["black-box", "white-box"]);
    expect(onnx.classes).toEqual(ours.classes);

    let right = 0;
    let largest = 0;
    for (const batch of evaluationBatches(limitPrefix(loadCifar(cifar!, "test"), IMAGES), 200)) {
      const [theirs, own] = [await onnx.logits(batch), await ours.logits(batch)];
      expect(theirs.length).toBe(own.length);
      theirs.forEach((logit, i) => {
        largest = Math.max(largest, Math.abs(logit - own[i]));
      });
      batch.labels.forEach((label, n) => {
        const row = theirs.subarray(10 * n, 10 * n + 10);
        if (row[label] === Math.max(...row)) right++;
      });
    }
    expect(largest).toBeLessThan(1e-4);
    // Published: 91.73 % of the whole test set.
    expect(right / IMAGES).toBeGreaterThan(0.88);
    await Promise.all([onnx.close(), ours.close()]);
  },
  120_000,
);
