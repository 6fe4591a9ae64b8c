/** Comparisons of methods: what is trained, what happens after a stop or a failure, and the report. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compare } from "../../src/api/compare/compare.js";
import type { CompareEvent } from "../../src/api/compare/events.js";
import { readComparison } from "../../src/api/compare/file.js";
import { armsOf, type Comparison, epochsWithin, trainedShare, unitsOf } from "../../src/api/compare/plan.js";
import { measuresOf } from "../../src/api/compare/result.js";
import { openRun } from "../../src/api/open-run.js";
import { renderText } from "../../src/evaluation/report/text.js";
import { seedDifference } from "../../src/evaluation/statistics/paired-tests.js";
import { codedError, codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const COMPARISON: Comparison = {
  common: {
    model: "resnet8",
    threads: 1,
    // Of a recipe for all kinds of images: shapes need no workers.
    data: { path: "shapes", workers: 1, shapes: { images: 32, validationImages: 0, testImages: 20 } },
    training: { epochs: 1, batchSize: 16 },
  },
  arms: { vanilla: { method: "vanilla" }, advprop: { method: "advprop", attack: { epsilon: "2/255" } } },
};

describe("a comparison over seeds", () => {
  const to = join(sharedTemporaryFolder(), "seeds");
  const events: CompareEvent[] = [];
  const options = {
    to,
    seeds: 2,
    parts: ["clean"] as const,
    threads: 1,
    workers: 1,
    onEvent: (event: CompareEvent) => void events.push(event),
  };

  test("trains each arm with each seed, measures all, and gives means, spreads and paired differences", async () => {
    const { result, document } = await compare(COMPARISON, options);
    expect(result.status).toBe("finished");
    expect(result.arms.map(({ name, runs }) => [name, runs.map(({ repetition }) => repetition)])).toEqual([
      ["vanilla", ["seed-0", "seed-1"]],
      ["advprop", ["seed-0", "seed-1"]],
    ]);
    const recipe = openRun(join(to, "runs/advprop-seed-1")).recipe;
    expect(recipe).toMatchObject({ seed: 1, method: "advprop", attack: { epsilon: 2 / 255 } });
    const clean = result.measures.find(({ name }) => name === "clean accuracy")!;
    const [first, second] = clean.arms;
    const [a0, a1] = Object.values(first.values);
    expect(first.mean).toBeCloseTo((a0 + a1) / 2, 12);
    expect(second.difference?.value).toBeCloseTo(second.mean - first.mean, 12);
    expect(second.difference?.count).toBe(2);
    expect(first.difference).toBeUndefined();
    expect(result.measures.map(({ name }) => name)).toEqual(["clean accuracy", "balanced accuracy"]);
    expect(renderText(document)).toContain("Differences from vanilla");
    const saved = JSON.parse(readFileSync(join(to, "comparison.json"), "utf8"));
    expect(saved.measures).toEqual(JSON.parse(JSON.stringify(result.measures)));
    // The folder of each run has its own results.
    const [suite, ...others] = openRun(join(to, "runs/advprop-seed-1")).suites();
    expect(others).toEqual([]);
    expect(suite.summary.models.map(({ name }) => name)).toEqual(["advprop-seed-1"]);
    expect(suite.summary.measures.map(({ name, values }) => [name, values.length, values[0]?.value])).toEqual([
      ["clean accuracy", 1, second.values["seed-1"]],
    ]);
    for (const kind of ["html", "md", "csv"]) expect(existsSync(join(to, `comparison.${kind}`))).toBe(true);
  });

  test("a second call does not repeat finished runs, but trains a deleted run again", async () => {
    events.length = 0;
    rmSync(join(to, "runs/vanilla-seed-1"), { recursive: true });
    await compare(COMPARISON, options);
    const states = events.flatMap((event) => (event.type === "run" ? [event.state] : []));
    expect(states).toEqual(["finished before", "finished before", "new", "finished before"]);
  });

  test("another comparison in the same folder is refused, and nothing is trained", async () => {
    const other = { ...COMPARISON, arms: { ...COMPARISON.arms, noise: { method: "noise" as const } } };
    const error = await codedRejection(compare(other, options));
    expect(error).toMatchObject({ code: "ERR_COMPARE", exitCode: 2 });
    expect(existsSync(join(to, "runs/noise-seed-0"))).toBe(false);
    const precise = await codedRejection(compare(COMPARISON, { ...options, precision: "bf16" }));
    expect(precise).toMatchObject({ code: "ERR_COMPARE", exitCode: 2 });
  });
});

test("a run that fails is named, and the others are compared", async () => {
  const to = temporaryFolder();
  // A file is at the path of a run's folder.
  const { result } = await compare(COMPARISON, { to: join(to, "a"), seeds: 1, parts: ["clean"], threads: 1 });
  expect(result.failures).toEqual([]);
  rmSync(join(to, "a/runs/advprop-seed-0"), { recursive: true });
  writeFileSync(join(to, "a/runs/advprop-seed-0"), "a file");
  const again = await compare(COMPARISON, { to: join(to, "a"), seeds: 1, parts: ["clean"], threads: 1 });
  expect(again.result.failures).toHaveLength(1);
  expect(again.result.failures[0].message).toContain("is a file");
  expect(again.result).toMatchObject({ status: "finished", unfinished: [] });
  expect(again.result.measures[0].arms.map(({ arm }) => arm)).toEqual(["vanilla"]);
});

test("a stopped comparison says so, and the next call continues it", async () => {
  const to = join(temporaryFolder(), "stopped");
  const controller = new AbortController();
  const long = { ...COMPARISON, common: { ...COMPARISON.common, training: { epochs: 3, batchSize: 16 } } };
  const { result } = await compare(long, {
    to,
    seeds: 1,
    parts: ["clean"],
    threads: 1,
    signal: controller.signal,
    onEvent: (event) => {
      if (event.type === "training" && event.event.type === "epoch") controller.abort();
    },
  });
  expect(result.status).toBe("stopped");
  expect(existsSync(join(to, "comparison.json"))).toBe(false);
  expect(openRun(join(to, "runs/vanilla-seed-0")).info.status).toBe("stopped");
  const rest = await compare(long, { to, seeds: 1, parts: ["clean"], threads: 1 });
  expect(rest.result.arms.flatMap(({ runs }) => runs.map(({ steps }) => steps))).toEqual([6, 6]);
});

test.each(["epochs", "time"] as const)("a stop before a run begins nothing, with the budget %s", async (budget) => {
  const to = join(temporaryFolder(), "early");
  const options = { to, seeds: 1, budget, parts: ["clean"], threads: 1, signal: AbortSignal.abort() } as const;
  const { result } = await compare(COMPARISON, options);
  expect(result).toMatchObject({ status: "stopped", failures: [] });
  expect([existsSync(join(to, "runs")), existsSync(join(to, "trials"))]).toEqual([false, false]);
});

test("a stop while an epoch is timed saves no plan", async () => {
  const to = join(temporaryFolder(), "timed");
  const controller = new AbortController();
  const options = { to, seeds: 1, budget: "time", parts: ["clean"], threads: 1 } as const;
  const { result } = await compare(COMPARISON, {
    ...options,
    signal: controller.signal,
    onEvent: (event) => {
      if (event.type === "training" && event.event.type === "step") controller.abort();
    },
  });
  expect(result).toMatchObject({ status: "stopped", arms: [{ runs: [] }, { runs: [] }] });
  expect(existsSync(join(to, "comparison-plan.json"))).toBe(false);
  // The trial begins anew, so that the time of its epoch is that of all its steps.
  const steps: number[] = [];
  const { result: rest } = await compare(COMPARISON, {
    ...options,
    onEvent: (event) => {
      if (event.type === "training" && event.run === join(to, "trials/vanilla") && event.event.type === "step") {
        steps.push(event.event.step);
      }
    },
  });
  expect(steps).toEqual([1, 2]);
  expect(rest.arms.map(({ runs }) => runs.length)).toEqual([1, 1]);
});

test("a time budget does not end the epoch that is timed", async () => {
  const to = join(temporaryFolder(), "timed");
  const common = { ...COMPARISON.common, training: { epochs: 1, batchSize: 16, timeBudgetHours: 1e-9 } };
  const { result } = await compare({ ...COMPARISON, common }, { to, seeds: 1, budget: "time", parts: ["clean"] });
  expect(openRun(join(to, "trials/vanilla")).info.status).toBe("finished");
  expect(result.arms.every(({ epochs }) => Number.isSafeInteger(epochs))).toBe(true);
  expect(result.unfinished).toHaveLength(2);
});

test("folds: every photo is measured once, by networks that never saw it", async () => {
  const photos = temporaryFolder();
  await writeClasses(photos, { cat: 8, dog: 8 });
  const common = {
    model: "resnet8",
    threads: 1,
    data: { path: photos, imageSize: 16, workers: 1 },
    training: { epochs: 1, batchSize: 4 },
  };
  const to = join(temporaryFolder(), "folds");
  const { result, document } = await compare(
    { common, arms: COMPARISON.arms },
    { to, folds: 2, parts: ["clean"], threads: 1, workers: 1 },
  );
  expect(result.arms[0].runs.map(({ repetition }) => repetition)).toEqual(["fold-0", "fold-1"]);
  const split = (fold: number) =>
    JSON.parse(readFileSync(join(to, `runs/vanilla-fold-${fold}/split.json`), "utf8")).parts;
  expect(split(0).test.sort()).toEqual(split(1).train.sort());
  expect(result.measures[0].arms.map(({ values }) => Object.keys(values))).toEqual([
    ["fold-0", "fold-1"],
    ["fold-0", "fold-1"],
  ]);
  const { difference } = result.measures[0].arms[1];
  const [b, a] = [1, 0].map((arm) => Object.values(result.measures[0].arms[arm].values));
  expect(difference).toEqual({ ...seedDifference(a, b, 2), signFlip: difference?.signFlip });
  const text = renderText(document);
  expect(text).toContain("Nadeau and Bengio 2003");
  expect(text).toContain("p is not corrected");
});

test("over seeds, nothing is corrected for folds", () => {
  const of = (arm: string, repetition: string, value: number) => ({
    ...{ arm, repetition, value },
    measure: "m",
    better: "higher" as const,
  });
  const values = [of("a", "s0", 1), of("a", "s1", 2), of("b", "s0", 2), of("b", "s1", 5)];
  const [seeds, folds] = [undefined, 2].map(
    (count) => measuresOf(["a", "b"], ["s0", "s1"], values, count)[0].arms[1].difference,
  );
  expect(seeds).toMatchObject(seedDifference([1, 2], [2, 5]));
  expect(folds).toMatchObject(seedDifference([1, 2], [2, 5], 2));
  expect(folds?.signFlip).toBe(seeds?.signFlip);
});

describe("a training that ends early", () => {
  const out = { ...COMPARISON.common, training: { epochs: 2, batchSize: 16 } };
  const options = { seeds: 1, parts: ["clean"] as const, threads: 1 };

  test("by its time budget is unfinished: it is named and not measured, and further calls finish it", async () => {
    const to = join(temporaryFolder(), "c");
    const arms = { a: { method: "vanilla" }, b: { method: "vanilla", training: { timeBudgetHours: 1e-9 } } } as const;
    const events: CompareEvent[] = [];
    const call = () => compare({ common: out, arms }, { ...options, to, onEvent: (event) => void events.push(event) });
    const { result, document } = await call();
    const run = join(to, "runs/b-seed-0");
    expect(result).toMatchObject({ status: "stopped", failures: [], unfinished: [{ run }] });
    expect(result.unfinished[0].message).toContain("ended it after 1 update, so it is not measured");
    expect(events.filter(({ type }) => type === "unfinished")).toMatchObject([{ arm: "b", run }]);
    expect(result.arms.map(({ runs }) => runs.length)).toEqual([1, 0]);
    expect(result.measures[0].arms.map(({ arm }) => arm)).toEqual(["a"]);
    expect(renderText(document)).toContain(`Unfinished: ${run}: training.timeBudgetHours`);
    const saved = JSON.parse(readFileSync(join(to, "comparison.json"), "utf8"));
    expect(saved).toMatchObject({ status: "stopped", unfinished: [{ run }] });
    // An epoch has two updates, and each call makes one.
    await call();
    await call();
    const last = await call();
    expect(last.result).toMatchObject({ status: "finished", unfinished: [] });
    expect(last.result.arms.flatMap(({ runs }) => runs.map(({ steps }) => steps))).toEqual([4, 4]);
  });

  test("all by their time budgets: there is nothing to measure, and that is no error", async () => {
    const common = { ...out, training: { ...out.training, timeBudgetHours: 1e-9 } };
    const { result, document } = await compare(
      { ...COMPARISON, common },
      { ...options, to: join(temporaryFolder(), "c") },
    );
    expect(result).toMatchObject({ status: "stopped", measures: [] });
    expect(result.unfinished).toHaveLength(2);
    expect(renderText(document)).not.toContain("Results");
  });

  test("by early stopping is finished, and is measured", async () => {
    const common = {
      ...out,
      data: { path: "shapes", shapes: { images: 32, validationImages: 10, testImages: 20 } },
      // Nothing is learned, so that the first epoch stays the best.
      optimizer: { name: "sgd", lr: 1e-30, weightDecay: 0 },
      training: { epochs: 9, batchSize: 16, earlyStoppingEpochs: 1, averageDecay: 0.99999 },
    } as const;
    const { result } = await compare({ ...COMPARISON, common }, { ...options, to: join(temporaryFolder(), "c") });
    expect(result).toMatchObject({ status: "finished", unfinished: [], failures: [] });
    expect(result.measures[0].arms).toHaveLength(2);
    for (const { runs } of result.arms) expect(runs[0].steps).toBeLessThan(18);
  });
});

test("an arm's own precision is not replaced by that of all arms", async () => {
  const common = { ...COMPARISON.common, precision: "fp32" } as const;
  const arms = { a: { method: "vanilla" }, b: { method: "vanilla", precision: "bf16" } } as const;
  const to = join(temporaryFolder(), "c");
  await compare({ common, arms }, { to, seeds: 1, parts: ["clean"], threads: 1, precision: "fp32" });
  const [a, b] = ["a", "b"].map((arm) => openRun(join(to, `runs/${arm}-seed-0`)).recipe);
  expect(a).toMatchObject({ precision: "fp32", threads: 1 });
  expect(b).toMatchObject({ precision: "bf16", threads: 1 });
});

test("the epochs of Fast AdvProp are those that are trained, and cost as much as those of vanilla", async () => {
  const common = { ...COMPARISON.common, training: { epochs: 6, batchSize: 16 } };
  const arms = { vanilla: { method: "vanilla" }, fast: { method: "fast-advprop" } } as const;
  const { result, document } = await compare(
    { common, arms },
    { to: join(temporaryFolder(), "c"), seeds: 1, parts: ["clean"], threads: 1 },
  );
  expect(result.arms.map(({ epochs }) => epochs)).toEqual([6, 5]);
  const [vanilla, fast] = result.arms.map(({ runs }) => runs[0]);
  expect([vanilla.steps, fast.steps]).toEqual([12, 10]);
  expect(fast.units).toBeCloseTo(vanilla.units, 9);
  const text = renderText(document);
  expect(text).toContain("with different epochs");
  expect(text).toContain("Fast AdvProp trains fewer epochs than its recipe says");
});

describe("budgets", () => {
  test("by compute, every arm gets the units of the first", () => {
    const arms = armsOf({
      common: { training: { epochs: 24 } },
      arms: {
        vanilla: { method: "vanilla" },
        advprop: { method: "advprop" },
        five: { method: "advprop", attack: { steps: 5 } },
        fast: { method: "fast-advprop" },
      },
    });
    // Two training passes and two thirds for each step of the attack.
    expect(arms.map(({ resolved }) => unitsOf(resolved))).toEqual([
      1,
      expect.closeTo(8 / 3),
      expect.closeTo(16 / 3),
      expect.closeTo(1.2),
    ]);
    const epochs = epochsWithin(arms, ({ resolved }) => unitsOf(resolved) * trainedShare(resolved));
    // Fast AdvProp already trains fewer epochs.
    expect(epochs).toEqual({ vanilla: 24, advprop: 9, five: 5, fast: 24 });
  });

  test("by time, seconds of an epoch are measured first, and the plan is kept", async () => {
    const to = join(temporaryFolder(), "time");
    const common = { ...COMPARISON.common, training: { epochs: 2, batchSize: 16 } };
    const { result } = await compare(
      { ...COMPARISON, common },
      { to, seeds: 1, budget: "time", parts: ["clean"], threads: 1 },
    );
    expect(result.arms[0].epochs).toBe(2);
    expect(result.arms[1].epochs).toBeGreaterThanOrEqual(1);
    expect(existsSync(join(to, "trials/advprop/run.json"))).toBe(true);
    expect(openRun(join(to, "runs/advprop-seed-0")).recipe.training.epochs).toBe(result.arms[1].epochs);
  });
});

test("missing runs of an arm are left out of its mean and its pairs", () => {
  const of = (arm: string, repetition: string, value: number) => ({
    arm,
    repetition,
    measure: "m",
    better: "higher" as const,
    value,
  });
  const values = [of("a", "s0", 1), of("a", "s1", 2), of("a", "s2", 3), of("b", "s0", 2), of("b", "s2", 5)];
  const [{ arms }] = measuresOf(["a", "b"], ["s0", "s1", "s2"], values);
  expect(arms[1]).toMatchObject({ mean: 3.5, values: { s0: 2, s2: 5 } });
  expect(arms[1].difference).toMatchObject({ value: 1.5, count: 2, signFlip: 0.5 });
});

describe("misuse", () => {
  test.each([
    [{ arms: { a: {} } }, /at least two arms; got 1/],
    [{ arms: { a: {}, "b/c": {} } }, /an arm's name may contain only/],
    [{ arms: { a: {}, b: { method: "advprob" as never } } }, /arm b, method: method must be/],
    [{ arms: { a: {}, b: { training: { epoch: 3 } as never } } }, /arm b, training.epoch: unknown path/],
  ])("%j", async (comparison, message) => {
    const error = await codedRejection(compare(comparison, { to: join(temporaryFolder(), "x") }));
    expect(error.exitCode).toBe(2);
    expect(error.message).toMatch(message);
  });

  test.each<[string, Comparison["arms"][string], RegExp]>([
    [
      "a key without effect",
      { data: { cacheMemory: "1GB" } },
      /^arm b, data.cacheMemory: data.cacheMemory has no effect/,
    ],
    ["two same views", { method: "vanilla-two-views" }, /^compare: arm b: the method vanilla-two-views needs random/],
  ])("an arm with %s, before anything is trained", async (_, arm, message) => {
    const to = join(temporaryFolder(), "x");
    const { data } = COMPARISON.common!;
    const common = { ...COMPARISON.common, data: { ...data, augmentation: { crop: 0, flip: false } } };
    const error = await codedRejection(compare({ common, arms: { a: { method: "vanilla" }, b: arm } }, { to }));
    expect([error.exitCode, error.message]).toEqual([2, expect.stringMatching(message)]);
    expect(existsSync(to)).toBe(false);
  });

  test("more repetitions than the sign-flip test takes, before anything is trained", async () => {
    const to = join(temporaryFolder(), "x");
    const error = await codedRejection(compare(COMPARISON, { to, seeds: 21 }));
    expect(error.message).toContain("`seeds` must be a whole number from 1 to 20; got 21");
    expect(existsSync(to)).toBe(false);
  });

  test("seeds and folds together", async () => {
    expect(
      (await codedRejection(compare(COMPARISON, { to: temporaryFolder(), seeds: 2, folds: 2 }))).message,
    ).toContain("not both");
  });

  test("files of another form", () => {
    const path = join(temporaryFolder(), "c.yaml");
    for (const [text, message] of [
      ["- a", /must be a mapping with the key `arms:`/],
      ["arm: {}", /unknown key arm\. Did you mean arms\?/],
      ["common: {}", /must have a mapping of arms/],
      ["arms: {a: 3}", /a has none/],
      ["arms: [", /must be YAML/],
    ] as const) {
      writeFileSync(path, text);
      expect(codedError(() => readComparison(path)).message).toMatch(message);
    }
    writeFileSync(path, "recipe: photos\ncommon: {seed: 1}\narms: {a: {method: vanilla}, b: }\n");
    expect(readComparison(path)).toEqual({
      recipe: "photos",
      common: { seed: 1 },
      arms: { a: { method: "vanilla" }, b: {} },
    });
  });
});
