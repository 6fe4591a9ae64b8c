/** The number of runs of an attack: more than one only where the runs differ. */
import { describe, expect, test } from "vitest";
import { planAttack } from "../../src/api/evaluation/attack.js";
import { createAttack } from "../../src/attacks/create.js";
import { registerAttack } from "../../src/attacks/registered.js";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK } from "../../src/nn/context.js";
import { adversariesOf } from "../../src/predictors/adversaries.js";
import type { OpenedPredictor } from "../../src/predictors/opened.js";
import { checkRestarts } from "../../src/predictors/restarts.js";
import { scope, type Tensor } from "../../src/tensor/index.js";
import { batchFromPixels } from "../../src/training/methods/step.js";
import { codedError, codedRejection } from "../support/errors.js";

/** Whether the first two runs of an attack give other images. */
function differs({ attack }: ReturnType<typeof planAttack>, classes: readonly string[]): boolean {
  if (!("name" in attack)) throw new Error("only attacks of training are created by their options");
  const model = createClassifier("resnet8", { classes }).initialize(0);
  const logits = (x: Tensor) => model.forward(x, { ...ATTACK, route: "main" });
  const batch = {
    pixels: Uint8Array.from({ length: 4 * 32 * 32 * 3 }, (_, i) => 64 + (i % 128)),
    height: 32,
    width: 32,
    labels: Int32Array.of(0, 1, 0, 1),
    samples: Uint32Array.of(0, 1, 2, 3),
  };
  const [first, second] = [0, 1].map((epoch) =>
    scope(() => {
      const { images, labels, keys } = batchFromPixels(batch, { seed: 0, epoch }, "cpu");
      return createAttack(attack).perturb(logits, images, labels, keys).toNumbers();
    }),
  );
  model.dispose();
  return first.some((value, i) => value !== second[i]);
}

const THREE = ["a", "b", "c"];
const start = { randomStart: false };
const refusal = (name: string) =>
  new RegExp(
    `^evaluate: \`restarts\` must be 1 because nothing in this attack by ${name} is random.*; got 5\\. Leave it`,
  );

describe("more than one run", () => {
  test.each([
    { name: "fgsm" },
    { name: "i-fgsm" },
    { name: "pgd", ...start },
    { name: "gd", ...start },
    { name: "pgd", cleanStartProbability: 1 },
  ] as const)("of %j is refused, because every run is the same", (keys) => {
    const once = planAttack(keys);
    expect(differs(once, THREE)).toBe(false);
    const refused = codedError(() => planAttack({ ...keys, restarts: 5 }));
    expect(refused).toMatchObject({ code: "ERR_RESTARTS", message: expect.stringMatching(refusal(keys.name)) });
  });

  test.each([
    { name: "pgd" },
    { name: "gd" },
    { name: "pgd", cleanStartProbability: 0.5 },
    { name: "fgsm", target: "random" },
    { name: "i-fgsm", target: "random" },
    { name: "pgd", target: "random", ...start },
  ] as const)("of %j is another attack each time", (keys) => {
    const plan = planAttack({ ...keys, restarts: 5 });
    expect(plan.settings).toMatchObject({ restarts: 5 });
    expect(differs(plan, THREE)).toBe(true);
  });

  test("with two classes a random target is no choice", async () => {
    const plan = planAttack({ name: "fgsm", target: "random", restarts: 5 });
    expect(differs(plan, ["a", "b"])).toBe(false);
    const two = { access: "black-box", classes: ["a", "b"] } as unknown as OpenedPredictor;
    expect(await codedRejection(adversariesOf(two, plan, 0))).toMatchObject({
      code: "ERR_RESTARTS",
      message: expect.stringMatching(refusal("fgsm")),
    });
    expect(() => checkRestarts(plan, 3)).not.toThrow();
  });

  test.each(["apgd-ce", "apgd-dlr", "apgd-t", "fab", "square", "autoattack"] as const)("of %s is allowed", (name) => {
    expect(planAttack({ name, restarts: 2 })).toMatchObject({ restarts: 2, settings: { restarts: 2 } });
  });

  test("of a registered attack is allowed, because it may draw", () => {
    const name = registerAttack({ name: "own", create: () => ({ perturb: (_, images) => images }) });
    expect(planAttack({ name, randomStart: false, restarts: 2 }).restarts).toBe(2);
  });
});

test.each([0, 1.5, Number.NaN, "two", null])("%j runs are refused", (restarts) => {
  const refused = codedError(() => planAttack({ name: "pgd", restarts: restarts as number }));
  expect(refused).toMatchObject({
    code: "ERR_RESTARTS",
    message: `evaluate: \`restarts\` must be a positive integer; got ${restarts}`,
  });
});
