/** From the flags of an evaluation to its attack. */
import { describe, expect, test } from "vitest";
import { describeRobustness } from "../../src/cli/attack-evaluation.js";
import { attackOfFlags } from "../../src/cli/attack-plan.js";
import type { EvaluationFile } from "../../src/runs/schema.js";
import { codedError } from "../support/errors.js";

const flags = (values: Readonly<Record<string, string | number>>) =>
  Object.entries(values).map(([key, value]) => `attack.${key}=${JSON.stringify(value)}`);
const planOf = (values: Readonly<Record<string, string | number>>, restarts = 1) =>
  attackOfFlags(flags(values), restarts);

describe("gd, which leaves its ball", () => {
  const plan = planOf({ name: "gd", epsilon: "1/255", stepSize: "0.5/255", steps: 4 });

  test("is counted as far as it reaches, and that is saved", () => {
    expect(plan.epsilon * 255).toBeCloseTo(3, 3);
    expect(plan.settings).toMatchObject({ epsilon: 1 / 255, radius: plan.epsilon });
    expect(planOf({ name: "pgd", epsilon: "1/255" }).settings).not.toHaveProperty("radius");
  });

  test("says so with its result", () => {
    const outcome = { name: "gd", attacked: 4, broken: 3, outside: 0, accuracy: 0.25, seconds: 1 };
    const file = { count: 4, attack: plan.settings, robustAccuracy: 0.25 };
    const [line] = describeRobustness({ ...file, robustness: { attacks: [outcome] } } as unknown as EvaluationFile);
    expect(line).toBe("robust accuracy 25.00 % of 4 images (gd, linf, 4 steps, epsilon 1/255, counted within 3/255)");
  });
});

test.each(["pgd", "i-fgsm", "gd", "fgsm", "apgd-ce", "square", "autoattack"])(
  "an epsilon of 1 is refused with %s, in the L2 norm it is a distance",
  (name) => {
    expect(codedError(() => planOf({ name, epsilon: 1 }))).toMatchObject({
      code: "ERR_SETTING",
      exitCode: 2,
      message: expect.stringMatching(/attack\.epsilon must be in \(0, 1\).*got 1\. Did you mean 1\/255\?$/),
    });
    expect(planOf({ name, norm: "l2", epsilon: 1 }).settings).toMatchObject({ epsilon: 1 });
  },
);

test("a step size of 1 is refused", () => {
  expect(codedError(() => planOf({ name: "pgd", stepSize: 1 })).message).toMatch(/stepSize.*Did you mean 1\/255\?$/);
});
