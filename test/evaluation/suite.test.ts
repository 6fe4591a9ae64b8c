/** The suite on simple classifiers: what is measured, how often, and the results. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { InMemoryDataset } from "../../src/data/datasets/dataset.js";
import type { Pixels } from "../../src/data/loading/batch.js";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import {
  ALEXNET,
  type CorruptionReference,
  corruptionReference,
  mCE,
  meanCorruptionError,
} from "../../src/evaluation/corruption-error.js";
import type { Predictor } from "../../src/evaluation/predictor.js";
import { renderCsv } from "../../src/evaluation/report/csv.js";
import { renderHtml } from "../../src/evaluation/report/html.js";
import { renderMarkdown } from "../../src/evaluation/report/markdown.js";
import { renderText } from "../../src/evaluation/report/text.js";
import {
  type Condition,
  cleanCondition,
  corruptionConditions,
  corruptionId,
  squareCondition,
  stylisedCondition,
} from "../../src/evaluation/suite/condition.js";
import { suiteDocument } from "../../src/evaluation/suite/document.js";
import { drawIndices, suiteImages } from "../../src/evaluation/suite/images.js";
import { MeasurementStore } from "../../src/evaluation/suite/measurement-store.js";
import { suiteMeasures } from "../../src/evaluation/suite/measures.js";
import { runSuite, type SuiteModel } from "../../src/evaluation/suite/run.js";
import { summariseSeeds } from "../../src/evaluation/suite/seeds.js";
import { summarise } from "../../src/evaluation/suite/summary.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { checkWellFormed } from "../support/well-formed.js";

const SIDE = 16;
const CLASSES = ["dark", "middle", "bright"];

/** Grey images with three brightnesses, which alternate by class. */
function greys(length: number): InMemoryDataset {
  const labels = Int32Array.from({ length }, (_, i) => i % 3);
  const size = SIDE * SIDE * 3;
  const pixels = new Uint8Array(length * size);
  labels.forEach((label, i) => {
    pixels.fill(40 + 80 * label + (i % 7), i * size, (i + 1) * size);
  });
  return new InMemoryDataset({ name: "greys", classes: CLASSES, height: SIDE, width: SIDE, labels, pixels });
}

/** Classifies images by their mean brightness, with thresholds moved by `shift`. Counts its calls. */
class Brightness implements Predictor {
  readonly classes = CLASSES;
  readonly imageSize = SIDE;
  calls = 0;

  constructor(
    readonly shift: number,
    readonly failAt = Number.POSITIVE_INFINITY,
  ) {}

  async logits({ pixels, height, width }: Pixels): Promise<Float32Array> {
    if (++this.calls > this.failAt) throw new Error("killed");
    const size = height * width * 3;
    const logits = new Float32Array((pixels.length / size) * 3);
    for (let i = 0; i < pixels.length / size; i++) {
      const mean = pixels.subarray(i * size, (i + 1) * size).reduce((total, value) => total + value, 0) / size;
      for (let k = 0; k < 3; k++) logits[3 * i + k] = -Math.abs(mean + this.shift - (43 + 80 * k)) / 20;
    }
    return logits;
  }
}

const model = (name: string, predictor: Predictor): SuiteModel => ({ name, digest: `digest of ${name}`, predictor });

async function makeBenchmark(models: readonly SuiteModel[], { length = 12, attacked = false } = {}) {
  const dataset = greys(length);
  const images = await suiteImages(
    { name: dataset.name, classes: CLASSES, imageSize: SIDE },
    {
      length,
      async *batches(batchSize) {
        yield* evaluationBatches(dataset, batchSize);
      },
    },
  );
  const inverted = async function* () {
    for await (const batch of images.batches()) yield { ...batch, pixels: batch.pixels.map((value) => 255 - value) };
  };
  const conditions: Condition[] = [
    cleanCondition(images),
    ...corruptionConditions(images, 1),
    stylisedCondition({ variant: "inverted" }, inverted),
    ...(attacked ? [squareCondition(images, drawIndices(length, 6, 1), 1)] : []),
  ];
  return { images, models, conditions };
}

describe("measuring", () => {
  test("each condition is measured once over all runs; models of a benchmark share its images", async () => {
    const [good, shifted] = [new Brightness(0), new Brightness(1000)];
    const benchmark = await makeBenchmark([model("good", good), model("constant", shifted)]);
    const folder = temporaryFolder();
    const seen: string[] = [];
    const first = await runSuite([benchmark], new MeasurementStore(folder), ({ id, share, done }) => {
      if (done === 0) seen.push(id);
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(1);
    });
    expect(first).toMatchObject({ measured: 2 * 77, reused: 0 });
    expect(seen).toEqual(benchmark.conditions.map(({ id }) => id)); // not once for each model
    expect(readdirSync(folder)).toHaveLength(2 * 77);
    const calls = good.calls;

    const second = await runSuite([benchmark], new MeasurementStore(folder));
    expect(second).toMatchObject({ measured: 0, reused: 2 * 77 });
    expect(good.calls).toBe(calls);
    for (const one of benchmark.models) {
      expect([...second.results.get(one)!]).toEqual(
        [...first.results.get(one)!].sort(
          ([a], [b]) => order(benchmark.conditions, a) - order(benchmark.conditions, b),
        ),
      );
    }

    // A second model with the same name but other weights: only this one is measured.
    const third = await runSuite(
      [{ ...benchmark, models: [...benchmark.models, { ...model("good", new Brightness(5)), digest: "another" }] }],
      new MeasurementStore(folder),
    );
    expect(third).toMatchObject({ measured: 77, reused: 2 * 77 });
  });

  test("a suite that failed is resumed and has the same result", async () => {
    const folder = temporaryFolder();
    const failing = await makeBenchmark([model("good", new Brightness(0, 20))]);
    await expect(runSuite([failing], new MeasurementStore(folder))).rejects.toThrow("killed");
    const saved = readdirSync(folder);
    expect(saved).toHaveLength(20);
    const times = saved.map((name) => statSync(join(folder, name)).mtimeMs);

    const benchmark = await makeBenchmark([model("good", new Brightness(0))]);
    const resumed = await runSuite([benchmark], new MeasurementStore(folder));
    expect(resumed).toMatchObject({ measured: 57, reused: 20 });
    expect(saved.map((name) => statSync(join(folder, name)).mtimeMs)).toEqual(times);
    const whole = await runSuite([benchmark], new MeasurementStore(temporaryFolder()));
    const summaryOf = (outcome: typeof whole) =>
      summarise(
        [{ model: benchmark.models[0], benchmark, measurements: outcome.results.get(benchmark.models[0])! }],
        0,
      );
    expect(summaryOf(resumed)).toEqual(summaryOf(whole));
  });

  test("other images or another seed are other conditions; a damaged file is reported", async () => {
    const folder = temporaryFolder();
    const one = model("good", new Brightness(0));
    await runSuite([await makeBenchmark([one])], new MeasurementStore(folder));
    expect(await runSuite([await makeBenchmark([one], { length: 15 })], new MeasurementStore(folder))).toMatchObject({
      reused: 0,
    });
    const benchmark = await makeBenchmark([one]);
    const reseeded = { ...benchmark, conditions: corruptionConditions(benchmark.images, 2) };
    expect(await runSuite([reseeded], new MeasurementStore(folder))).toMatchObject({ measured: 75 });
    for (const name of readdirSync(folder)) writeFileSync(join(folder, name), "{");
    expect((await codedRejection(runSuite([benchmark], new MeasurementStore(folder)))).code).toBe("ERR_RUN_FILE");
  });

  test("a result that is no number is the same after it was saved", () => {
    const store = new MeasurementStore(temporaryFolder());
    const key = { model: "a", images: "b", condition: "clean", protocol: {} };
    const measurement = {
      ...{ predicted: Int32Array.of(-1), right: Uint8Array.of(0), accuracy: 0, top5: 0 },
      ...{ ece: 0, nll: Number.NaN, brier: Number.NaN },
    };
    store.write(key, measurement);
    expect(store.read(key)).toEqual(measurement);
  });

  test("drawn indices give the same images in order for any batches", async () => {
    const { images } = await makeBenchmark([]);
    const indices = drawIndices(12, 7, 3);
    expect([...indices]).toEqual([...indices].sort((a, b) => a - b));
    expect(new Set(indices).size).toBe(7);
    expect([...drawIndices(12, 99, 3)]).toEqual([...new Array(12).keys()]);
    const samples: number[] = [];
    for await (const batch of images.batches(indices)) samples.push(...batch.samples);
    expect(samples).toEqual([...indices]);
  });
});

describe("the summary", async () => {
  const benchmark = await makeBenchmark([model("good", new Brightness(0)), model("constant", new Brightness(1000))], {
    attacked: true,
  });
  const { results } = await runSuite([benchmark], new MeasurementStore(sharedTemporaryFolder()));
  const measured = benchmark.models.map((one) => ({ model: one, benchmark, measurements: results.get(one)! }));
  const summary = summarise(measured, 0);
  const row = (name: string) => summary.measures.find((measure) => measure.name.startsWith(name))!;

  test("rows are means over images of the measurements", () => {
    expect(row("clean accuracy").values[0]).toMatchObject({ value: 1, low: 1, high: 1, count: 12 });
    const errors = summary.models.map(({ corruptionErrors }) => corruptionErrors!);
    for (const [m, one] of errors.entries()) {
      expect(row("mean corruption error").values[m]!.value).toBeCloseTo(meanCorruptionError(one), 12);
      expect(one.fog[2]).toBe(1 - results.get(benchmark.models[m])!.get(corruptionId("fog", 3))!.accuracy);
    }
    // Inverted, dark images are bright and the middle ones stay: a third is right.
    expect(row("stylised").values[0]!.value).toBeCloseTo(1 / 3, 12);
    expect(row("accuracy under Square").values[0]!.count).toBe(6);
  });

  test("the mCE names its reference: the first model where the classes are not ImageNet's, and none for a single model", () => {
    // The good one makes no error under brightness, so that dividing by it is impossible.
    expect(summary.measures.filter(({ name }) => name.includes("mCE"))).toEqual([]);
    expect(summarise(measured.slice(1), 0).reference).toBeUndefined();
    const swapped = summarise([...measured].reverse(), 0);
    expect(swapped.reference).toBe("constant");
    const reference = corruptionReference("constant", swapped.models[0].corruptionErrors!, 0);
    expect(swapped.measures.filter(({ name }) => name.includes("mCE"))).toHaveLength(1);
    const own = swapped.measures.find(({ name }) => name === "mCE (reference: constant)")!;
    expect(own.values[1]!.value).toBeCloseTo(mCE(swapped.models[1].corruptionErrors!, reference), 12);
  });

  test("models that were attacked on other images keep their own accuracy without the attack, and no row names one count for both", async () => {
    const half = await makeBenchmark([model("half", new Brightness(40))], { attacked: true, length: 9 });
    const all = [...benchmark.models.slice(0, 1), ...half.models];
    const both = await runSuite(
      [{ ...benchmark, models: all.slice(0, 1) }, half],
      new MeasurementStore(temporaryFolder()),
    );
    const measurements = (m: number) => both.results.get(all[m])!;
    const other = { model: all[1], benchmark: half, measurements: measurements(1) };
    const mixed = summarise([other, { model: all[0], benchmark, measurements: measurements(0) }], 0);
    expect(mixed.models[0].robustness).toEqual(summarise([other], 0).models[0].robustness);
    expect(mixed.models[1].robustness).toEqual(summary.models[0].robustness);
    expect(renderText(suiteDocument(mixed, { protocol: [], remarks: [] }))).toContain("clean accuracy, 9 / 12 images");
  });

  test("only AlexNet is the reference of a relative mCE, as the page says", () => {
    const names = (reference: CorruptionReference) =>
      suiteMeasures(benchmark.conditions, reference).flatMap(({ name }) => (name.includes("mCE") ? [name] : []));
    const other = corruptionReference("constant", summary.models[1].corruptionErrors!, 0);
    expect(names(other)).toEqual(["mCE (reference: constant)"]);
    expect(names(ALEXNET)).toEqual(["mCE (reference: AlexNet)", "relative mCE (reference: AlexNet)"]);
    const page = readFileSync(new URL("../../docs/robustness.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| ((?:relative )?mCE \(.*?\)) \|/gm)].map(([, row]) => row);
    expect(rows).toEqual(["mCE (reference: NAME)", "relative mCE (reference: AlexNet)"]);
  });

  test("differences are paired, with McNemar's test where images are right or wrong", () => {
    const clean = row("clean accuracy");
    expect(clean.differences[0]).toBeUndefined();
    expect(clean.differences[1]!.value).toBeCloseTo(clean.values[1]!.value - clean.values[0]!.value, 12);
    const { onlyFirst, onlySecond } = clean.differences[1]!.mcNemar!;
    expect(onlySecond - onlyFirst).toBeCloseTo(12 * clean.differences[1]!.value, 9);
    expect(row("mean corruption error").differences[1]!.mcNemar).toBeUndefined();
  });

  test("models that differ only in their seed are summarised by method and paired by seed", () => {
    const values = [0.9, 0.92, 0.94, 0.95];
    const models = values.map((_, i) => ({ ...summary.models[0], name: `model ${i}` }));
    const measures = [
      { ...row("clean accuracy"), values: values.map((value) => ({ value, low: 0, high: 1, count: 12 })) },
    ];
    const group = (name: string, ...members: [model: string, seed: number][]) => ({
      name,
      members: members.map(([one, seed]) => ({ model: one, seed })),
    });
    // The seeds are in another order: pairs are formed by seed.
    const groups = [group("a", ["model 0", 1], ["model 1", 2]), group("b", ["model 3", 2], ["model 2", 1])];
    const seeds = summariseSeeds({ ...summary, models, measures }, groups)!;
    expect(seeds.measures[0].values[0]).toEqual({ mean: 0.91, deviation: expect.closeTo(0.02 / Math.SQRT2), count: 2 });
    expect(seeds.measures[0].differences[1]).toMatchObject({ value: expect.closeTo(0.035), count: 2 });
    expect(seeds.measures[0].differences[1]!.deviation).toBeCloseTo(0.01 / Math.SQRT2, 12);
    const text = renderText(suiteDocument(summary, { protocol: [], remarks: [], seeds }));
    expect(text).toContain("91.00 ± 1.41 (2)");
    expect(text).toContain("b minus a");
    expect(summariseSeeds(summary, [group("a", ["good", 1]), group("b", ["constant", 1])])).toBeUndefined();
  });

  test("its report has every row in every form", () => {
    const document = suiteDocument(summary, { protocol: [["data", "greys"]], remarks: ["A remark."] });
    const html = renderHtml(document);
    checkWellFormed(html);
    const words = ["clean accuracy, 12 images ↑", "McNemar", "black-box", "A remark", "balanced accuracy"];
    for (const text of [html, renderMarkdown(document, "pictures"), renderText(document)]) {
      for (const word of words) expect(text).toContain(word);
    }
    const csv = renderCsv(document);
    expect(csv).toContain(`fog,3,${1 - results.get(benchmark.models[0])!.get("fog/3")!.accuracy}\r\n`);
  });
});

const order = (conditions: readonly Condition[], id: string): number =>
  conditions.findIndex((condition) => condition.id === id);
