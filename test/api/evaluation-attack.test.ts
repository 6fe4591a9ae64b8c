/** The plan of an evaluation's attack. */
import { describe, expect, test } from "vitest";
import { type EvaluationAttackSpec, planAttack } from "../../src/api/evaluation/attack.js";
import { evaluationPgd } from "../../src/attacks/evaluation/defaults.js";
import { EVALUATION_ATTACKS } from "../../src/attacks/evaluation/names.js";
import { TRAINING_ATTACKS } from "../../src/attacks/names.js";
import { describeRobustness } from "../../src/cli/output/evaluation-text.js";
import type { EvaluationFile } from "../../src/runs/schema.js";
import { codedError } from "../support/errors.js";

const NAMES = [...new Set([...TRAINING_ATTACKS, ...EVALUATION_ATTACKS])];
const planOf = (keys: Readonly<Record<string, string | number>>) => planAttack(keys as EvaluationAttackSpec);

describe("gd, which leaves its ball", () => {
  const plan = planOf({ name: "gd", epsilon: "1/255", stepSize: "0.5/255", steps: 4 });

  test("successes count within its reach, and the radius is saved", () => {
    expect(plan.epsilon * 255).toBeCloseTo(3, 3);
    expect(plan.settings).toMatchObject({ epsilon: 1 / 255, radius: plan.epsilon });
    expect(planOf({ name: "pgd", epsilon: "1/255" }).settings).not.toHaveProperty("radius");
  });

  test("the result has a warning about this", () => {
    const outcome = { name: "gd", attacked: 4, broken: 3, outside: 0, accuracy: 0.25, seconds: 1 };
    const file = { count: 4, attack: plan.settings, robustAccuracy: 0.25 };
    const [line] = describeRobustness({ ...file, robustness: { attacks: [outcome] } } as unknown as EvaluationFile);
    expect(line).toBe(
      "robust accuracy 25.00 % of 4 images (gd, linf, 4 steps of 0.5/255, epsilon 1/255, counted within 3/255)",
    );
  });
});

test.each(NAMES)("an epsilon of 1 is refused with %s, in the L2 norm it is a distance", (name) => {
  expect(codedError(() => planOf({ name, epsilon: 1 }))).toMatchObject({
    code: "ERR_SETTING",
    exitCode: 2,
    message: expect.stringMatching(
      /^`attack\.epsilon: 1`: attack\.epsilon must be in \(0, 1\).*got 1\. Did you mean 1\/255\?$/,
    ),
  });
  expect(planOf({ name, norm: "l2", epsilon: 1 }).settings).toMatchObject({ epsilon: 1 });
});

test("a step size of 1 is refused", () => {
  expect(codedError(() => planOf({ name: "pgd", stepSize: 1 })).message).toMatch(/stepSize.*Did you mean 1\/255\?$/);
});

describe("the default strength: 10 steps of epsilon / 4, untargeted, one random start", () => {
  test.each([
    ["linf", "1/255", 1 / 255],
    ["linf", "8/255", 8 / 255],
    ["l2", 2, 2],
  ] as const)("%s, %s", (norm, written, epsilon) => {
    const strength = { norm, epsilon, stepSize: epsilon / 4, steps: 10, target: "none" };
    const start = { randomStart: true, cleanStartProbability: 0 };
    expect(planOf({ name: "pgd", norm, epsilon: written }).attack).toMatchObject({
      name: "pgd",
      ...strength,
      ...start,
    });
    expect(planOf({ name: "gd", norm, epsilon: written }).attack).toMatchObject({ name: "gd", ...strength, ...start });
    expect(planOf({ name: "i-fgsm", norm, epsilon: written }).attack).toMatchObject({ name: "i-fgsm", ...strength });
    expect(planOf({ name: "fgsm", norm, epsilon: written }).attack).toMatchObject({ epsilon, target: "none" });
    // The same as the library's.
    expect(planOf({ name: "pgd", norm, epsilon: written }).attack).toMatchObject(evaluationPgd(norm, epsilon));
    expect(planOf({ name: "pgd", norm, epsilon: written }).restarts).toBe(1);
  });

  test("the radius is 8/255, in the L2 norm 0.5, of every attack", () => {
    for (const name of NAMES) {
      expect(planOf({ name }).settings).toMatchObject({ epsilon: 8 / 255 });
      expect(planOf({ name, norm: "l2" }).settings).toMatchObject({ epsilon: 0.5 });
    }
  });

  test("given values are used, and nothing else changes", () => {
    expect(planOf({ name: "pgd", steps: 20 }).attack).toMatchObject({ steps: 20, stepSize: 2 / 255, epsilon: 8 / 255 });
    expect(planOf({ name: "pgd", stepSize: "1/255" }).attack).toMatchObject({ steps: 10, stepSize: 1 / 255 });
    expect(planOf({ name: "pgd", target: "random" }).attack).toMatchObject({ steps: 10, target: "random" });
    expect(planOf({ name: "apgd-ce" }).attack).toEqual({ evaluation: "apgd-ce" });
  });
});
