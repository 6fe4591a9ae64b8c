/** Square Attack: its queries, its ball, its grid, and its use with asynchronous predictors. */
import { describe, expect, test } from "vitest";
import { type SquareImages, type SquareOptions, squareSearch, squareShare } from "../../src/attacks/square/square.js";
import { moveWindow } from "../../src/attacks/square/square-l2.js";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { blackBoxSquare, blackBoxSubject } from "../../src/evaluation/black-box.js";
import type { Predictor } from "../../src/evaluation/predictor.js";
import { insideBall, measureRobustness, unitPixels } from "../../src/evaluation/robustness.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { makeDataset } from "../support/datasets.js";
import { codedError } from "../support/errors.js";

const SIDE = 9;
const SIZE = SIDE * SIDE * 3;
const COUNT = 4;

/** Images in the middle of the range, with some pixels at its ends. */
function imagesOf(range: 1 | 255): SquareImages {
  const random = new KeyedRandom(1, Purpose.synthesis);
  const pixels = Float32Array.from({ length: COUNT * SIZE }, (_, i) => {
    const level = i % 17 === 0 ? (i % 2) * 255 : 80 + random.integer(i, 96);
    return range === 255 ? level : level / 255;
  });
  return { pixels, labels: [0, 0, 0, 0], samples: [5, 6, 7, 8], height: SIDE, width: SIDE, range };
}

/** All queries with their margins by `score`, and the result of the search. */
function drive(images: SquareImages, options: SquareOptions, score: (image: Float32Array) => number) {
  const search = squareSearch(images, options);
  const queries: { indices: readonly number[]; images: Float32Array[] }[] = [];
  let turn = search.next([]);
  while (turn.done !== true) {
    const { pixels, indices } = turn.value;
    const rows = indices.map((_, i) => pixels.slice(i * SIZE, (i + 1) * SIZE));
    queries.push({ indices, images: rows });
    turn = search.next(rows.flatMap((row) => [score(row), 0]));
  }
  return { queries, result: turn.value };
}

/** A smooth score that random search can lower: the weighted sum of the pixels, positive throughout. */
const random = new KeyedRandom(2, Purpose.synthesis);
const weights = Float64Array.from({ length: SIZE }, (_, i) => random.normal(i));
const scoreOf = (range: number) => (image: Float32Array) =>
  image.reduce((total, value, i) => total + (weights[i] * value) / range, 0);

const norms = [
  ["linf", 8 / 255],
  ["l2", 0.5],
] as const;

describe.each(norms)("%s", (norm, epsilon) => {
  test.each([1, 255] as const)(
    "every query is in the ball, in the range %s, and on the grid if there is one",
    (range) => {
      const images = imagesOf(range);
      const options = { norm, epsilon, queries: 40, seed: 3 };
      const { queries } = drive(images, options, (image) => 1e3 + scoreOf(range)(image));
      expect(queries).toHaveLength(40);
      const originals = Float32Array.from({ length: COUNT * SIZE }, (_, i) => images.pixels[i] / range);
      for (const { images: rows } of queries) {
        const all = rows.flatMap((row) => Array.from(row));
        if (range === 255) expect(all.every(Number.isInteger)).toBe(true);
        // On the grid it is exactly inside; off the grid up to float32 rounding.
        const most = range === 255 ? epsilon + 1e-12 : epsilon * (1 + 1e-6);
        const unit = all.map((value) => value / range);
        expect(insideBall(norm, most, originals, Float32Array.from(unit), COUNT)).toEqual([true, true, true, true]);
      }
      // It uses most of the ball.
      const lengths = queries.flatMap(({ images: rows, indices }) =>
        rows.map((row, i) =>
          Math.hypot(...row.map((value, j) => value / range - images.pixels[indices[i] * SIZE + j] / range)),
        ),
      );
      const longest = norm === "l2" ? epsilon : epsilon * Math.sqrt(SIZE);
      expect(Math.max(...lengths)).toBeGreaterThan(0.9 * longest);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(longest * (1 + 1e-6));
    },
  );

  test("the score of accepted queries only falls, and an image is done once it is negative", () => {
    const images = imagesOf(1);
    const score = scoreOf(1);
    const start = Math.min(
      ...Array.from({ length: COUNT }, (_, n) =>
        score((images.pixels as Float32Array).slice(n * SIZE, (n + 1) * SIZE)),
      ),
    );
    const offset = 0.5 - start;
    const lowest = new Array<number>(COUNT).fill(Number.POSITIVE_INFINITY);
    const options = { norm, epsilon, queries: 300, seed: 3 };
    const { queries, result } = drive(images, options, (image) => offset + score(image));
    for (const { indices, images: rows } of queries) {
      rows.forEach((row, i) => {
        // There are no queries of an image after it is done.
        expect(lowest[indices[i]]).toBeGreaterThanOrEqual(0);
        lowest[indices[i]] = Math.min(lowest[indices[i]], offset + score(row));
      });
    }
    for (let n = 0; n < COUNT; n++) {
      expect(offset + score(result.slice(n * SIZE, (n + 1) * SIZE))).toBeCloseTo(lowest[n], 5);
    }
    expect(Math.min(...lowest)).toBeLessThan(0);
  });

  test("its draws depend on seed, epoch and sample, not on the batch", () => {
    const images = imagesOf(255);
    const run = (of: SquareImages, more: Partial<SquareOptions> = {}) =>
      drive(of, { norm, epsilon, queries: 20, seed: 3, ...more }, (image) => 1e6 + scoreOf(255)(image)).result;
    const whole = run(images);
    expect(run(images)).toEqual(whole);
    const third = {
      ...images,
      pixels: (images.pixels as Float32Array).slice(2 * SIZE, 3 * SIZE),
      labels: [0],
      samples: [7],
    };
    expect(run(third)).toEqual(whole.slice(2 * SIZE, 3 * SIZE));
    expect(run(images, { seed: 4 })).not.toEqual(whole);
    expect(run(images, { epoch: 1 })).not.toEqual(whole);
  });
});

test("a square of the L-infinity search is as large as its share, and at the ball's corners", () => {
  const images = imagesOf(255);
  const epsilon = 8 / 255;
  // No query is accepted after the first, so each has only its own square on the stripes.
  let first = true;
  const { queries } = drive({ ...images, labels: [0] }, { norm: "linf", epsilon, queries: 200, seed: 3 }, () => {
    const score = first ? 1 : 2;
    first = false;
    return score;
  });
  const stripes = queries[0].images[0];
  const corners = (i: number) => [Math.max(0, images.pixels[i] - 8), Math.min(255, images.pixels[i] + 8)];
  stripes.forEach((value, i) => {
    expect(corners(i)).toContain(value);
  });
  queries.slice(1).forEach(({ images: [image] }, q) => {
    const side = Math.min(SIDE, Math.max(1, Math.round(Math.sqrt(squareShare(q + 1, 200) * SIDE * SIDE))));
    const changed = Array.from(image.keys()).filter((i) => image[i] !== stripes[i]);
    const rows = changed.map((i) => Math.floor(i / (3 * SIDE)));
    const columns = changed.map((i) => Math.floor(i / 3) % SIDE);
    expect(Math.max(0, ...rows) - Math.min(SIDE, ...rows)).toBeLessThan(side);
    expect(Math.max(0, ...columns) - Math.min(SIDE, ...columns)).toBeLessThan(side);
    for (const i of changed) expect(corners(i)).toContain(image[i]);
  });
});

test("a window of the L2 search gets the norm that the other loses and the unused norm, in each channel", () => {
  const shape = { height: SIDE, width: SIDE };
  const before = Float64Array.from({ length: SIZE }, (_, i) => 0.01 * weights[i]);
  const squares = (values: Float64Array, channel: number) =>
    values.reduce((total, value, i) => (i % 3 === channel ? total + value * value : total), 0);
  const all = [0, 1, 2].reduce((total, channel) => total + squares(before, channel), 0);
  const epsilon = 2 * Math.sqrt(all);
  for (let query = 1; query < 20; query++) {
    const after = before.slice();
    moveWindow(after, shape, 3, epsilon, new KeyedRandom(4, Purpose.synthesis), query);
    for (let channel = 0; channel < 3; channel++) {
      expect(squares(after, channel)).toBeCloseTo(squares(before, channel) + (epsilon ** 2 - all) / 3, 12);
    }
    // Pixels that were neither kept nor set to zero form one window, 3 x 3 pixels of 3 channels.
    const emptied = after.filter((value, i) => value === 0 && before[i] !== 0).length;
    const changed = after.filter((value, i) => value !== before[i] && value !== 0).length;
    expect(changed).toBe(27);
    // The other window is zero except in the rows and columns that they share.
    const draws = new KeyedRandom(4, Purpose.synthesis);
    const [top, left, otherTop, otherLeft] = [0, 1, 2, 3].map((j) => draws.integer(8 * query + j, SIDE - 2));
    const shared = Math.max(0, 3 - Math.abs(top - otherTop)) * Math.max(0, 3 - Math.abs(left - otherLeft));
    expect(emptied).toBe(3 * (9 - shared));
  }
});

test("the share of a square starts at 0.8 and is halved", () => {
  expect([0, 5, 6, 25, 26, 4001, 5000].map((query) => 0.8 / squareShare(query, 5000))).toEqual([
    1,
    1,
    2,
    4 / 2,
    4,
    512,
    512,
  ]);
});

test("with an asynchronous predictor it breaks all images that can be broken, and the result is verified", async () => {
  const dataset = makeDataset({ length: 12, classes: 2, height: 8, width: 8 });
  // The class of an image is the sign of a weighted sum of its pixels, centred on the image itself plus a margin.
  const own = new KeyedRandom(9, Purpose.synthesis);
  const w = Float64Array.from({ length: 192 }, (_, i) => own.normal(i));
  const dot = (pixels: Uint8Array, n: number) =>
    pixels.subarray(n * 192, (n + 1) * 192).reduce((total, value, i) => total + (w[i] * value) / 255, 0);
  let asked = 0;
  const predictor: Predictor = {
    classes: ["no", "yes"],
    imageSize: 8,
    logits: async ({ pixels }) => {
      await new Promise((done) => setImmediate(done));
      const count = pixels.length / 192;
      asked += count;
      return Float32Array.from(Array.from({ length: count }, (_, n) => [0, dot(pixels, n)]).flat());
    },
  };
  const epsilon = 16 / 255;
  const result = await measureRobustness(
    {
      subject: blackBoxSubject(predictor),
      adversaries: [blackBoxSquare(predictor, { norm: "linf", epsilon, queries: 300, seed: 1 })],
      norm: "linf",
      epsilon,
      count: 12,
    },
    evaluationBatches(dataset, 5),
  );
  expect(result.attacks[0].outside).toBe(0);
  const budget = epsilon * w.reduce((total, value) => total + Math.abs(value), 0);
  dataset.labels.forEach((label, n) => {
    const score = dot(dataset.pixels(n), 0);
    const right = score > 0 === (label === 1);
    if (!right) expect(result.outcomes[n]).toBe("wrong");
    // Beyond the whole ball nothing is broken; within a third of it, a random search of 300 queries breaks all.
    else if (Math.abs(score) > budget) expect(result.outcomes[n]).toBe("robust");
    else if (Math.abs(score) < budget / 3) expect(result.outcomes[n]).toBe("square");
  });
  expect(result.outcomes).toEqual(expect.arrayContaining(["wrong", "square"]));
  expect(result.attacks[0].broken).toBeGreaterThan(0);
  expect(asked).toBeLessThan(12 * 300);
});

test("pixels of bytes and of fractions are the same images", () => {
  expect([...unitPixels({ pixels: Uint8Array.of(0, 51, 255) })]).toEqual([0, Math.fround(0.2), 1]);
});

test.each([
  [{ epsilon: 0.5 / 255 }, "ERR_EPSILON"],
  [{ epsilon: 1 }, "ERR_EPSILON"],
  [{ epsilon: 8 }, "ERR_EPSILON"],
  [{ norm: "l2" as const, epsilon: 0 }, "ERR_EPSILON"],
  [{ queries: 0 }, "ERR_QUERIES"],
  [{ seed: -1 }, "ERR_SEED"],
])("%j is refused", (mistake, code) => {
  const search = () => squareSearch(imagesOf(255), { norm: "linf", epsilon: 8 / 255, seed: 0, ...mistake }).next([]);
  expect(codedError(search).code).toBe(code);
});
