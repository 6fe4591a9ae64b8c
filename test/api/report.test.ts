/** The report on trainings: its contents, that it needs no other files, and that it cannot spoil a training. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { evaluate } from "../../src/api/evaluation/evaluate.js";
import { evaluateSuite } from "../../src/api/evaluation/suite.js";
import type { TrainEvent } from "../../src/api/events.js";
import { openRun } from "../../src/api/open-run.js";
import { report } from "../../src/api/report/report.js";
import { train } from "../../src/api/training/train.js";
import type { Block, CurveFigure, Document, Table } from "../../src/evaluation/report/document.js";
import { renderMarkdown } from "../../src/evaluation/report/markdown.js";
import { renderText } from "../../src/evaluation/report/text.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { RunDirectory } from "../../src/runs/run-directory.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { checkWellFormed } from "../support/well-formed.js";

const recipe = (method: "vanilla" | "advprop"): Recipe => ({
  model: "resnet8",
  method,
  threads: 1,
  data: { path: "shapes", shapes: { images: 32, validationImages: 10, testImages: 20 } },
  training: { epochs: 3, batchSize: 16, logEverySteps: 1 },
});

const folder = sharedTemporaryFolder();
const [vanilla, advprop] = [join(folder, "vanilla"), join(folder, "advprop")];
const to = join(folder, "deep", "report.html");
let document: Document;
let page: string;

beforeAll(async () => {
  await train(recipe("vanilla"), { run: vanilla });
  await train(recipe("advprop"), { run: advprop });
  await evaluate(advprop, { threads: 1, limitTest: 20 });
  await evaluate(advprop, { threads: 1, limitTest: 20, attack: { name: "pgd", epsilon: "2/255", steps: 1 } });
  const parts = ["clean", "corrupted"] as const;
  await evaluateSuite([vanilla, advprop], { to: join(folder, "suite"), threads: 1, limitTest: 4, parts });
  document = await report([vanilla, advprop], { to });
  page = readFileSync(to, "utf8");
}, 120_000);

const captioned = <Kind extends Block["kind"]>(kind: Kind, caption: RegExp) => {
  const found = document.blocks.filter((block) => block.kind === kind && caption.test((block as Table).caption));
  expect(found, String(caption)).toHaveLength(1);
  return found[0] as Extract<Block, { kind: Kind }>;
};
const cells = ({ rows, columns }: Table, row: string) => {
  const found = rows.find(([name]) => name === row);
  expect(found, row).toBeDefined();
  return Object.fromEntries(columns.slice(1).map((column, i) => [column, found![i + 1]]));
};

test("a page gets no other name than one in .html, so that no photo is overwritten", async () => {
  const photo = join(folder, "photo.jpg");
  writeFileSync(photo, "a photo");
  const error = await codedRejection(report([vanilla], { to: photo }));
  expect(error).toMatchObject({ code: "ERR_PATH", exitCode: 2 });
  expect(error.message).toBe(`report: \`to\` must name a file that ends in .html; got ${photo}`);
  expect(readFileSync(photo, "utf8")).toBe("a photo");
});

describe("a report on two trainings", () => {
  test("is one page of at most 500 kB that needs no other files", () => {
    checkWellFormed(page);
    expect(page).not.toMatch(/\b(src|href)="(?!data:image\/png;base64,)/);
    expect(page).not.toContain("<script");
    expect(statSync(to).size).toBeLessThan(500_000);
  });

  test("has the settings and the cost of the runs, as in their folders", () => {
    const trained = captioned("table", /^What was trained/);
    expect(cells(trained, "method")).toEqual({ vanilla: "vanilla", advprop: "advprop" });
    expect(cells(trained, "attack")).toMatchObject({ vanilla: "none" });
    expect(cells(trained, "images").advprop).toBe("shapes, 10 classes: 32 for training, 10 for validation");
    expect(cells(trained, "epochs").vanilla).toBe("3 of 3");
    const cost = captioned("table", /^Cost of the training/);
    const epochs = openRun(advprop)
      .metrics()
      .filter((record) => record.type === "epoch");
    const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
    expect(cells(cost, "images per second").advprop).toMatchObject({ value: expect.closeTo(96 / seconds, 6) });
    expect(cells(cost, "updates")).toMatchObject({ vanilla: { value: 6 }, advprop: { value: 6 } });
    expect(cells(cost, "units")).toMatchObject({
      vanilla: { value: 6 },
      advprop: { value: expect.closeTo(6 * (2 + 2 / 3), 9) },
    });
    const differences = captioned("table", /^Differences between the recipes/);
    expect(differences.rows.map(([path]) => path)).toEqual([
      "method",
      "attack",
      "training.adversarialWeight",
      "training.lossReduction",
    ]);
  });

  test('has the results of validation, evaluation and suites, or "none" if there are none', () => {
    const results = captioned("table", /^Accuracy in percent/);
    const validations = openRun(advprop)
      .metrics()
      .filter((record) => record.type === "validation");
    expect(cells(results, "validation images, last epoch").advprop).toMatchObject({
      value: validations.at(-1)!.accuracy,
    });
    expect(cells(results, "the same through the batch norms of aux")).toMatchObject({
      vanilla: "none",
      advprop: { value: validations.at(-1)!.routes!.aux.accuracy },
    });
    const [clean, attacked] = openRun(advprop).evaluations();
    expect(cells(results, "shapes, test, 20 images, checkpoint best")).toMatchObject({
      vanilla: "not measured",
      advprop: { value: clean.accuracy },
    });
    expect(cells(results, "shapes, test, 20 images, under pgd 2/255, 1 step, checkpoint best").advprop).toMatchObject({
      value: attacked.robustAccuracy,
    });
    const suite = captioned("table", /^In percent, with 95 % bootstrap/);
    expect(suite.rows.map(([name]) => name)).toEqual([
      "clean accuracy, 4 images ↑",
      "mean corruption error, 4 images ↓",
    ]);
    const map = captioned("heat map", /^vanilla: top-1 error/);
    expect(map.rows).toHaveLength(15);
    expect(map.rows[0].cells[0].value).toBe(openRun(vanilla).suites()[0].summary.models[0].errors[0].bySeverity[0]);
  });

  test("draws the curves of both runs in one chart: a colour for each run, a dash pattern for each loss and route", () => {
    const series = ({ series: all }: CurveFigure) =>
      all.map(({ name, colour, dash, points }) => [name, colour, dash, points.length]);
    expect(series(captioned("curves", /^Loss of the training/))).toEqual([
      ["vanilla, clean", 0, 0, 6],
      ["advprop, clean", 1, 0, 6],
      ["advprop, adversarial", 1, 1, 6],
    ]);
    expect(series(captioned("curves", /^Accuracy on the validation/))).toEqual([
      ["vanilla", 0, 0, 3],
      ["advprop, route main", 1, 0, 3],
      ["advprop, route aux", 1, 1, 3],
    ]);
    const loss = captioned("curves", /^Loss of the training/).series[2].points;
    const logged = openRun(advprop)
      .metrics()
      .filter((record) => record.type === "step");
    expect(loss).toEqual(logged.map(({ step, adversarialLoss }) => [step / 2, adversarialLoss]));
    const drift = captioned("curves", /^advprop, route aux: running means/);
    const records = openRun(advprop).batchNormDrift();
    expect(drift.series.map(({ points }) => points.map(([, y]) => y))).toEqual(
      records.map(({ layers }) => layers.map(({ mean }) => mean)),
    );
  });

  test("shows adversarial examples at several epochs, and the worst mistakes", () => {
    const examples = captioned("pictures", /^advprop: the same images/);
    expect(examples.columns.map((name) => name.replaceAll("\u00a0", " "))).toEqual([
      "clean",
      ...[1, 2, 3].flatMap((epoch) => [`perturbation, epoch ${epoch}`, `adversarial, epoch ${epoch}`]),
    ]);
    expect(examples.rows).toHaveLength(4);
    expect(examples.rows[0].cells[0].note).toMatch(/^main: \w+ \d+.%\naux: \w+ \d+.%$/);
    const mistakes = captioned("pictures", /^advprop: the wrong predictions/);
    expect(mistakes.rows[0].cells).toHaveLength(8);
  });

  test("has the complete recipes and the last values of curves in its other formats", () => {
    expect(renderMarkdown(document, "pictures")).toContain("\n    method: advprop\n");
    expect(renderText(document)).toMatch(/advprop, adversarial +\d\.\d+ +\d\.\d+/);
  });
});

describe("the end of a training", () => {
  test("leaves a page about it and its metrics as a table", () => {
    const run = RunDirectory.open(advprop);
    const own = readFileSync(run.report, "utf8");
    checkWellFormed(own);
    expect(own).toContain("<h1>advprop of resnet8 on shapes</h1>");
    expect(own).toContain("finished, begun");
    const [head, ...lines] = readFileSync(run.metricsTable, "utf8").trimEnd().split("\r\n");
    const metrics = openRun(advprop).metrics();
    expect(lines).toHaveLength(metrics.length);
    const columns = head.split(",");
    lines.forEach((line, i) => {
      const values = line.split(",");
      expect(values).toHaveLength(columns.length);
      const record = metrics[i] as unknown as Record<string, unknown>;
      expect(values[columns.indexOf("type")]).toBe(record.type);
      expect(values[columns.indexOf("adversarialLoss")]).toBe(String(record.adversarialLoss ?? ""));
    });
    expect(columns).toContain("routes.aux.accuracy");
  });

  test("does not fail if the page cannot be written", async () => {
    const path = join(temporaryFolder(), "run");
    const notes: string[] = [];
    const onEvent = (event: TrainEvent) => {
      if (event.type === "started") mkdirSync(join(path, "report.html", "in the way"), { recursive: true });
      if (event.type === "note" && event.warning) notes.push(event.message);
    };
    const { status } = await train(recipe("vanilla"), { run: path, onEvent });
    expect(status).toBe("finished");
    expect(RunDirectory.open(path).readInfo().status).toBe("finished");
    expect(notes).toEqual([expect.stringContaining("its report could not be written: cannot write")]);
  });
});

test("refuses folders that are not runs, an empty list, and a run that is given twice", async () => {
  const file = join(temporaryFolder(), "report.html");
  expect(await codedRejection(report([], { to: file }))).toMatchObject({ code: "ERR_REPORT", exitCode: 2 });
  expect(await codedRejection(report([vanilla, vanilla], { to: file }))).toMatchObject({ code: "ERR_REPORT" });
  expect(await codedRejection(report([temporaryFolder()], { to: file }))).toMatchObject({ code: "ERR_RUN_MISSING" });
});

test("a run of an earlier version, without pictures, routes and shares, has a report too", async () => {
  const path = join(temporaryFolder(), "earlier");
  await train({ ...recipe("advprop"), training: { epochs: 1, batchSize: 16, logEverySteps: 1 } }, { run: path });
  const run = RunDirectory.open(path);
  rmSync(run.images, { recursive: true });
  rmSync(run.environment);
  const earlier = openRun(path)
    .metrics()
    .map((record) => ({ ...record, routes: undefined, waitingShare: undefined }));
  // The last line is incomplete.
  writeFileSync(run.metrics.path, `${earlier.map((record) => JSON.stringify(record)).join("\n")}\n{"type":"st`);
  const blocks = (await report([path], { to: join(path, "page.html") })).blocks;
  expect(blocks.some(({ kind }) => kind === "pictures")).toBe(false);
  const cost = blocks.find(
    (block) => block.kind === "table" && block.caption.startsWith("Cost of the training"),
  ) as Table;
  expect(cells(cost, "waiting for images, in % of the time")).toEqual({ earlier: "not logged" });
});
