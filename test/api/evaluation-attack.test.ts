/** The plan of an evaluation's attack. */
import { describe, expect, test } from "vitest";
import { type EvaluationAttackSpec, planAttack } from "../../src/api/evaluation/attack.js";
import { evaluationAttacks } from "../../src/attacks/evaluation/auto-attack.js";
import { evaluationPgd } from "../../src/attacks/evaluation/defaults.js";
import { EVALUATION_ATTACKS } from "../../src/attacks/evaluation/names.js";
import { TRAINING_ATTACKS } from "../../src/attacks/names.js";
import { registerAttack } from "../../src/attacks/registered.js";
import { describeRobustness } from "../../src/cli/output/evaluation-text.js";
import type { EvaluationFile } from "../../src/runs/schema.js";
import { codedError } from "../support/errors.js";

const PROTOCOL_ATTACKS = EVALUATION_ATTACKS.filter((name) => name !== "pgd");
const NAMES = [...new Set([...TRAINING_ATTACKS, ...EVALUATION_ATTACKS])];
const planOf = (keys: Readonly<Record<string, string | number | boolean | null>>) =>
  planAttack(keys as EvaluationAttackSpec);

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
  });

  test("null is the default of an evaluation too, not that of training", () => {
    for (const name of ["pgd", "apgd-ce"]) {
      expect(planOf({ name, epsilon: null, steps: null })).toEqual(planOf({ name }));
    }
    expect(planOf({ name: "pgd", stepSize: null })).toEqual(planOf({ name: "pgd" }));
  });
});

describe("the settings of AutoAttack and its attacks are saved as they run", () => {
  const common = { norm: "linf", epsilon: 8 / 255, restarts: 1 };

  test.each([
    ["apgd-ce", { steps: 100 }],
    ["apgd-dlr", { steps: 100 }],
    ["apgd-t", { steps: 100 }],
    ["fab", { steps: 100 }],
    ["square", { queries: 5000 }],
    ["autoattack", { steps: 100, queries: 5000 }],
  ] as const)("%s, with the default %j", (name, strength) => {
    const { settings, attack } = planOf({ name });
    expect(settings).toEqual({ name, ...common, ...strength });
    expect(attack).toEqual({ evaluation: name, ...strength });
    // The library's own defaults are the same: they have the same price.
    const prices = (options: object) =>
      evaluationAttacks({ name, norm: "linf", epsilon: 8 / 255, classes: 10, ...options }).attacks.map(
        ({ forward, backward }) => [forward, backward],
      );
    expect(prices({})).toEqual(prices(strength));
  });

  test("a given number of steps is saved in place of the default", () => {
    expect(planOf({ name: "fab", steps: 7 }).settings).toEqual({ name: "fab", ...common, steps: 7 });
  });

  test("the text names them", () => {
    const outcome = { name: "square", attacked: 4, broken: 3, outside: 0, accuracy: 0.25, seconds: 1 };
    const file = { count: 4, attack: planOf({ name: "autoattack" }).settings, robustAccuracy: 0.25 };
    const [line] = describeRobustness({ ...file, robustness: { attacks: [outcome] } } as unknown as EvaluationFile);
    expect(line).toContain("(autoattack, linf, 100 steps, 5000 queries, epsilon 8/255)");
  });
});

describe("a key that an evaluation does not apply is refused", () => {
  const own = registerAttack({ name: "own", create: () => ({ perturb: (_, images) => images }) }) as unknown as string;

  test.each(
    [...TRAINING_ATTACKS, own].flatMap((name) => [
      [name, "statistics", "batch"] as const,
      [name, "stochastic", true] as const,
    ]),
  )("%s, %s: %j", (name, key, value) => {
    expect(codedError(() => planOf({ name, [key]: value }))).toMatchObject({
      code: "ERR_ATTACK",
      message: expect.stringMatching(
        new RegExp(
          `^\`attack\\.${key}: ${value}\` has no effect outside of training: .* running statistics .* Leave it out$`,
        ),
      ),
    });
  });

  test.each(TRAINING_ATTACKS)("%s may say what the evaluation does", (name) => {
    const plan = planOf({ name, statistics: "running", stochastic: false });
    expect(plan).toEqual(planOf({ name }));
    expect(plan.settings).toMatchObject({ statistics: "running", stochastic: false });
  });

  test.each(
    PROTOCOL_ATTACKS.flatMap((name) =>
      Object.entries({
        statistics: "batch",
        stochastic: false,
        randomStart: true,
        labelSmoothing: 0.1,
        cleanStartProbability: 0.5,
        target: "none",
        stepSize: "1/255",
        ...((name === "square" || name === "autoattack") && { steps: 5 }),
      }).map(([key, value]) => [name, key, value] as const),
    ),
  )("%s, %s: %j", (name, key, value) => {
    expect(codedError(() => planOf({ name, [key]: value }))).toMatchObject({
      code: "ERR_ATTACK",
      message: expect.stringMatching(
        new RegExp(
          `^the protocol of ${name} fixes \`attack\\.${key}\`; got ${value}\\. Leave it out: .* only norm, epsilon`,
        ),
      ),
    });
  });

  test("an attack of training takes its own keys", () => {
    const keys = { randomStart: true, cleanStartProbability: 0.25, labelSmoothing: 0.1 };
    expect(planOf({ name: "pgd", ...keys }).attack).toMatchObject(keys);
    expect(planOf({ name: "pgd", ...keys }).settings).toMatchObject(keys);
  });
});
