/** An adversarial copy of a data set: its images are in the ball around what the network sees, and an evaluation reads it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { type AttackSetOptions, attackSet } from "../../src/api/attack/attack-set.js";
import { evaluate } from "../../src/api/evaluation/evaluate.js";
import { squareOf } from "../../src/api/photo-batches.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { openPredictor } from "../../src/predictors/open.js";
import { setThreads } from "../../src/tensor/index.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { picture, writeClasses, writePicture } from "../support/photos.js";
import { trainTenSteps } from "../support/trained.js";

const SIZE = 32;

describe("an adversarial copy of a set", () => {
  const folder = sharedTemporaryFolder();
  const weights = join(folder, "fruit.safetensors");
  const data = join(folder, "photos");
  const to = join(folder, "attacked");
  const options: AttackSetOptions = { data, to, epsilon: 16 / 255, workers: 1, threads: 1 };

  beforeAll(async () => {
    setThreads(1);
    const model = createClassifier("resnet8", { classes: ["apple", "pear"], imageSize: SIZE }).initialize(1);
    exportWeights(trainTenSteps(model), weights, { auxiliary: false });
    model.dispose();
    await writeClasses(data, { apple: 4, pear: 4 });
    await writePicture(join(data, "apple", "deeper", "000.jpg"), picture(50));
  });

  test("holds each photo as the network saw it, changed by at most epsilon, and fools the network", async () => {
    expect(await attackSet(weights, options)).toEqual({ to, images: 9, imageSize: SIZE });
    const names = readdirSync(join(to, "apple")).sort();
    expect(names).toEqual(["000.jpg.png", "001.jpg.png", "002.jpg.png", "003.jpg.png", "deeper-000.jpg.png"]);
    const { view, close } = await openPredictor(weights);
    await close();
    const { pixels } = await squareOf(join(data, "pear", "001.jpg"), { size: SIZE, view });
    const attacked = await sharp(join(to, "pear", "001.jpg.png"))
      .raw()
      .toBuffer();
    const changes = [...pixels].map((byte, i) => Math.abs(byte - attacked[i]));
    expect(Math.max(...changes)).toBe(16);

    const common = { workers: 1, threads: 1 };
    const clean = await evaluate(weights, { ...common, data });
    const adversarial = await evaluate(weights, { ...common, data: to, cropFraction: 1 });
    expect(adversarial.count).toBe(9);
    expect(adversarial.loss).toBeGreaterThan(clean.loss + 0.1);
    expect(adversarial.accuracy).toBeLessThanOrEqual(clean.accuracy);
  });

  test("is continued after a stop, and never mixed with a copy made with other settings", async () => {
    const file = join(to, "pear", "001.jpg.png");
    const { mtimeMs } = statSync(file);
    await attackSet(weights, options);
    expect(statSync(file).mtimeMs).toBe(mtimeMs);
    const error = await codedRejection(attackSet(weights, { ...options, epsilon: 8 / 255 }));
    expect(error.code).toBe("ERR_SET_EXISTS");
  });

  test("its file records what was computed", () => {
    const { madeFrom } = JSON.parse(readFileSync(join(to, "adversarial.json"), "utf8"));
    expect(madeFrom).toEqual({
      ...{ data: expect.any(String), weights, route: "main", seed: 0, "image size": SIZE },
      ...{ attack: "pgd", norm: "linf", epsilon: 16 / 255, stepSize: 4 / 255, steps: 10, target: null },
      ...{ randomStart: true, cleanStartProbability: 0, labelSmoothing: 0, statistics: "running", stochastic: false },
    });
  });

  test.each([
    [
      { attack: "apgd-ce", steps: 2 },
      { attack: "apgd-ce", norm: "linf", steps: 2, target: null },
    ],
    [
      { attack: "fgsm", parameters: { labelSmoothing: 0.1 } },
      { attack: "fgsm", labelSmoothing: 0.1, target: null },
    ],
    [
      { steps: 1, target: "pear", parameters: { randomStart: false } },
      { target: "pear", steps: 1, randomStart: false },
    ],
    // Each image is within epsilon, so that the radius of an evaluation by GD is none of the copy.
    [
      { attack: "gd", steps: 1 },
      { attack: "gd", radius: undefined },
    ],
  ])("%j is recorded", async (other, recorded) => {
    const copy = join(temporaryFolder(), "copy");
    await attackSet(weights, { ...options, to: copy, limitTest: 2, ...other });
    const { madeFrom } = JSON.parse(readFileSync(join(copy, "adversarial.json"), "utf8"));
    expect({ radius: undefined, ...madeFrom }).toMatchObject(recorded);
  });

  test.each([
    [{ data: "shapes", workers: null }, "ERR_CLASS"],
    [{ parameters: { restarts: 3 } }, "ERR_ATTACK"],
    [{ parameters: { stochastic: true } }, "ERR_ATTACK"],
    [{ target: "kiwi" }, "ERR_CLASS"],
    [{ epsilon: 16 }, "ERR_EPSILON"],
  ])("refuses %j", async (other, code) => {
    const error = await codedRejection(attackSet(weights, { ...options, to: join(folder, "other"), ...other }));
    expect(error.code).toContain(code);
  });

  test("refuses an ONNX file", async () => {
    expect((await codedRejection(attackSet("model.onnx", options))).code).toBe("ERR_ATTACK");
  });
});
