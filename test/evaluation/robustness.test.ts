/** The evaluation verifies every attack, counts by image, and warns where its result is unreliable. */
import { describe, expect, test } from "vitest";
import { InMemoryDataset } from "../../src/data/datasets/dataset.js";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { attackWarnings, squareWarning } from "../../src/evaluation/attack-warnings.js";
import {
  type Adversary,
  measureRobustness,
  type RobustnessOptions,
  type Subject,
  unitPixels,
} from "../../src/evaluation/robustness.js";

/** Eight plain grey images, 100, 105 .. 135, with label 1 from 120 on. The classifier's threshold is at 117.5. */
const GREYS = [100, 105, 110, 115, 120, 125, 130, 135];
const dataset = new InMemoryDataset({
  name: "greys",
  classes: ["dark", "light"],
  height: 2,
  width: 2,
  labels: Int32Array.from(GREYS, (grey) => (grey >= 120 ? 1 : 0)),
  pixels: Uint8Array.from(GREYS.flatMap((grey) => new Array(12).fill(grey))),
});
const threshold: Subject = {
  logits: (images) =>
    Float32Array.from({ length: images.length / 6 }, (_, i) => (i % 2 === 0 ? 0 : images[6 * (i - 1)] * 255 - 117.5)),
};

/** Moves every pixel towards the threshold by some grey levels. */
const towards = (name: string, levels: number): Adversary => ({
  name,
  forward: 3,
  backward: 2,
  perturb: (batch) =>
    unitPixels(batch).map((value, i) => {
      const dark = batch.labels[Math.floor(i / 12)] === 0;
      return value + ((dark ? 1 : -1) * levels) / 255;
    }),
});
const measure = (adversaries: readonly Adversary[], more: Partial<RobustnessOptions> = {}) =>
  measureRobustness(
    { subject: threshold, adversaries, norm: "linf", epsilon: 8 / 255, count: 8, ...more },
    evaluationBatches(dataset, 3),
  );

test("each attack gets the remaining images, and each image counts once", async () => {
  const result = await measure([towards("near", 3), towards("far", 8), towards("farther", 8)]);
  expect(result).toMatchObject({ count: 8, cleanAccuracy: 1, robustAccuracy: 0.5, warnings: [] });
  // 115 and 120 are within 3 levels of the threshold, 110 and 125 within 8.
  expect(result.outcomes).toEqual(["robust", "robust", "far", "near", "near", "far", "robust", "robust"]);
  expect(result.attacks).toMatchObject([
    { name: "near", attacked: 8, broken: 2, outside: 0, accuracy: 0.75 },
    { name: "far", attacked: 6, broken: 2, outside: 0, accuracy: 0.5 },
    { name: "farther", attacked: 4, broken: 0, outside: 0, accuracy: 0.5 },
  ]);
});

test("the ensemble is at least as strong as each of its members", async () => {
  const members = [towards("a", 3), towards("b", 8), towards("c", 6)];
  const alone = await Promise.all(members.map(async (member) => (await measure([member])).robustAccuracy));
  expect((await measure(members)).robustAccuracy).toBeLessThanOrEqual(Math.min(...alone));
});

describe("only images inside the ball count", () => {
  test.each([
    ["leaves the ball", towards("cheat", 9)],
    ["leaves [0, 1]", { ...towards("cheat", 0), perturb: (batch) => unitPixels(batch).map(() => 1.0001) }],
    ["gives no numbers", { ...towards("cheat", 0), perturb: (batch) => unitPixels(batch).fill(Number.NaN) }],
  ] as [string, Adversary][])("an attack that %s breaks nothing", async (_what, cheat) => {
    const result = await measure([cheat], { epsilon: 8 / 255 });
    expect(result.attacks[0]).toMatchObject({ attacked: 8, broken: 0, outside: 8 });
    expect(result.robustAccuracy).toBe(1);
    expect(result.warnings.join()).toContain("cheat returned 8 of 8 images outside of the ball");
  });

  test("a step of the ball's own radius is inside, in either norm", async () => {
    expect((await measure([towards("exact", 8)])).attacks[0]).toMatchObject({ outside: 0, broken: 4 });
    // Twelve pixels changed by 8 levels have the distance sqrt(12) * 8 / 255.
    const distance = (Math.sqrt(12) * 8) / 255;
    const l2 = (epsilon: number) => measure([towards("exact", 8)], { norm: "l2", epsilon });
    expect((await l2(distance)).attacks[0]).toMatchObject({ outside: 0, broken: 4 });
    expect((await l2(distance * 0.999)).attacks[0]).toMatchObject({ outside: 8, broken: 0 });
  });

  test("the images of an attack are classified again", async () => {
    const result = await measure([towards("idle", 0)]);
    expect(result.attacks[0]).toMatchObject({ broken: 0, outside: 0 });
  });
});

test("an image that is misclassified before is not attacked", async () => {
  const reversed: Subject = { logits: async (images, shape) => (await threshold.logits(images, shape)).map((x) => -x) };
  const never: Adversary = {
    ...towards("never", 0),
    perturb() {
      throw new Error("nothing is left to attack");
    },
  };
  const result = await measure([never], { subject: reversed });
  expect(result).toMatchObject({ cleanAccuracy: 0, robustAccuracy: 0 });
  expect(result.outcomes).toEqual(new Array(8).fill("wrong"));
});

test("the cost is reported before the first attack", async () => {
  const events: string[] = [];
  const first = towards("first", 3);
  const watched: Adversary = {
    ...first,
    perturb(batch) {
      events.push("attack");
      return first.perturb(batch);
    },
  };
  await measure([watched, towards("second", 1)], {
    onCost: ({ forward, backward, seconds }) => {
      events.push(`cost ${forward} ${backward}`);
      expect(seconds).toBeGreaterThanOrEqual(0);
    },
    onProgress: (done, attack) => events.push(`${attack} ${done}`),
  });
  expect(events.slice(0, 3)).toEqual(["cost 48 32", "attack", "first 3"]);
  expect(events.at(-1)).toBe("second 8");
});

describe("warnings", () => {
  const rows = Float32Array.of(2, -1, 0, 0.5, 0.25, 0.25);

  test("none for reproducible logits and nonzero gradients", () => {
    expect(attackWarnings(rows, rows, [1, 1e-30], 2)).toEqual([]);
    expect(attackWarnings(rows, rows, undefined, 2)).toEqual([]);
  });

  test("a classifier with other logits in the second pass is random", async () => {
    let pass = 0;
    const subject: Subject = {
      logits: async (images, shape) => (await threshold.logits(images, shape)).map((x) => x + 1e-3 * pass++),
    };
    const heard: string[] = [];
    const { warnings } = await measure([], { subject, onWarning: (warning) => heard.push(warning) });
    expect(warnings).toEqual([expect.stringMatching(/is random: the logits of two passes differ by up to/)]);
    expect(heard).toEqual(warnings);
  });

  test("rows that are distributions are probabilities, not logits", () => {
    const distributions = Float32Array.of(0.2, 0.3, 0.5, 0, 1, 0);
    expect(attackWarnings(distributions, distributions, undefined, 2)).toEqual([
      expect.stringMatching(/gives probabilities, not logits/),
    ]);
  });

  test("vanishing gradients are counted", () => {
    expect(attackWarnings(rows, rows, [0, 3], 2)).toEqual([
      expect.stringMatching(/gradient of the cross-entropy is zero for 1 of 2 images/),
    ]);
  });

  test("where Square breaks images that gradient attacks did not, masked gradients are reported", async () => {
    const outcome = (name: string, accuracy: number) => ({
      name,
      accuracy,
      attacked: 0,
      broken: 0,
      outside: 0,
      seconds: 0,
    });
    expect(squareWarning([outcome("apgd-ce", 0.5), outcome("square", 0.497)])).toMatch(
      /by 0.30 % below the gradient attacks/,
    );
    expect(squareWarning([outcome("apgd-ce", 0.5), outcome("square", 0.499)])).toBeUndefined();
    expect(squareWarning([outcome("square", 0.1)])).toBeUndefined();
    const { warnings } = await measure([towards("fab", 3), towards("square", 8)]);
    expect(warnings).toEqual([expect.stringMatching(/gradients may be masked/)]);
  });
});
