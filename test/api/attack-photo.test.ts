/** An attack on one photo: the result is in the ball, is what gets classified, and reaches the aim of the attack. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { attack } from "../../src/api/attack/attack-photo.js";
import { openClassifier } from "../../src/api/photo-classifier.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { openPredictor } from "../../src/predictors/open.js";
import { setThreads } from "../../src/tensor/index.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { picture } from "../support/photos.js";
import { trainTenSteps } from "../support/trained.js";

const CLASSES = ["apple", "pear", "quince"];
const SIZE = 32;

describe("an attack on a photo", () => {
  const weights = join(sharedTemporaryFolder(), "fruit.safetensors");
  let photo: Uint8Array;

  beforeAll(async () => {
    setThreads(1);
    const model = createClassifier("resnet8", { classes: CLASSES, imageSize: SIZE, routes: ["aux"] }).initialize(1);
    exportWeights(trainTenSteps(model), weights, { auxiliary: true });
    model.dispose();
    photo = await picture(3).png().toBuffer();
  });

  test("changes the prediction within epsilon, and gives the predictions for whole bytes", async () => {
    const result = await attack(weights, photo, { epsilon: 4 / 255, top: 3 });
    const { side, original, adversarial, largestChange, from, reached, routes } = result;
    expect([side, original.length, adversarial.length]).toEqual([SIZE, SIZE * SIZE * 3, SIZE * SIZE * 3]);
    expect(largestChange).toBe(4);
    expect(original.every((byte, i) => Math.abs(byte - adversarial[i]) <= 4)).toBe(true);
    expect(reached).toBe(true);
    expect(routes.map(({ route }) => route)).toEqual(["main", "aux"]);
    expect(routes[0].adversarial[0].class).not.toBe(from);

    for (const { route, ...seen } of routes) {
      const classifier = await openClassifier(weights, { route });
      expect(seen.original).toEqual(await classifier.classify(photo, { top: 3 }));
      const predictor = await openPredictor(weights, { route });
      const logits = await predictor.logits({ pixels: adversarial, height: SIZE, width: SIZE });
      await predictor.close();
      const best = logits.indexOf(Math.max(...logits));
      expect(seen.adversarial[0].class).toBe(CLASSES[best]);
      await classifier.close();
    }
  });

  test.each(CLASSES)(
    "aimed at %s makes it more probable, and gives the same result with the same seed",
    async (target) => {
      const { from } = await attack(weights, photo, { epsilon: 1 / 255 });
      if (target === from) {
        const error = await codedRejection(attack(weights, photo, { epsilon: 4 / 255, target }));
        expect(error).toMatchObject({
          code: "ERR_CLASS",
          message: expect.stringContaining(`the model already sees ${target}`),
        });
        return;
      }
      const options = { epsilon: 16 / 255, target, seed: 5 };
      const [first, again] = [await attack(weights, photo, options), await attack(weights, photo, options)];
      const probability = (list: (typeof first.routes)[number]["original"]) =>
        list.find((one) => one.class === target)!.probability;
      const [{ original, adversarial }] = first.routes;
      expect(probability(adversarial)).toBeGreaterThan(probability(original) + 0.05);
      expect(first.target).toBe(target);
      expect(first.reached).toBe(adversarial[0].class === target);
      expect(again.adversarial).toEqual(first.adversarial);
    },
  );

  test("attacks through the given route", async () => {
    const [main, aux] = await Promise.all(
      ["main", "aux"].map((route) => attack(weights, photo, { epsilon: 2 / 255, route })),
    );
    expect(aux.route).toBe("aux");
    expect(aux.adversarial).not.toEqual(main.adversarial);
  });

  test.each([
    [{ epsilon: 4 }, "ERR_EPSILON", "Did you mean 4 / 255?"],
    [{ epsilon: 1 / 300 }, "ERR_EPSILON", "must be at least 1/255"],
    [{ epsilon: 4 / 255, target: "aple" }, "ERR_CLASS", "there is no class aple. Did you mean apple?"],
    [{ epsilon: 4 / 255, parameters: { epsilon: 0.1 } }, "ERR_ATTACK", "got 0.1. Give it as the option `epsilon`"],
    [{ epsilon: 4 / 255, parameters: { statistics: "batch" } as never }, "ERR_ATTACK", "attack.statistics: batch"],
    [{ epsilon: 4 / 255, parameters: { restarts: 2 } }, "ERR_ATTACK", "The attack runs once. Leave it out"],
    [{ epsilon: 4 / 255, steps: 0 }, "ERR_SETTING", "steps must be a positive integer"],
    [{ epsilon: 4 / 255, route: "other" }, "ERR_ROUTE", "must be one of main, aux"],
  ])("refuses %j", async (options, code, message) => {
    const error = await codedRejection(attack(weights, photo, options));
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test("refuses an ONNX file, and says why", async () => {
    const error = await codedRejection(attack("model.onnx", photo, { epsilon: 4 / 255 }));
    expect(error).toMatchObject({
      code: "ERR_ATTACK",
      message: expect.stringContaining("needs gradients, and an ONNX file gives none"),
    });
  });
});
