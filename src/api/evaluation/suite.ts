/** Measures several models on the standard suite or on a corrupted set, and writes a report. */

import { join } from "node:path";
import { recogniseFolder } from "../../data/folders/recognise-folder.js";
import { findingLines } from "../../data/inspection/findings.js";
import { UsageError } from "../../errors.js";
import type { Document } from "../../evaluation/report/document.js";
import { writeReport } from "../../evaluation/report/write.js";
import { referenceRemark, suiteDocument } from "../../evaluation/suite/document.js";
import { MeasurementStore } from "../../evaluation/suite/measurement-store.js";
import { type AttackSamples, samplePictures } from "../../evaluation/suite/pictures.js";
import { runSuite } from "../../evaluation/suite/run.js";
import { type SeedGroup, summariseSeeds } from "../../evaluation/suite/seeds.js";
import { type SuiteSummary, summarise } from "../../evaluation/suite/summary.js";
import { isOnnx } from "../../predictors/open.js";
import type { OpenedPredictor } from "../../predictors/opened.js";
import { SHAPES } from "../../recipes/build/data.js";
import { checkNoInput, checkPath } from "../../runs/given-path.js";
import {
  attackedImages,
  checkSuiteParts,
  groupByInput,
  type OpenedBenchmark,
  openBenchmark,
  type SuiteDataOptions,
  type SuitePart,
  uniqueNames,
} from "./benchmark.js";
import { CHOSEN_BY_IMAGES, chosenByImages } from "./chosen-by.js";
import { trainedRecipe } from "./data.js";
import { type EvaluationOptions, type Machine, machineOf, openModel } from "./options.js";
import { checkSavable, saveSuites } from "./save.js";
import { openSetBenchmark } from "./set-benchmark.js";
import type { SuiteResult } from "./suite-result.js";

export interface EvaluateSuiteOptions extends EvaluationOptions {
  /** Folder of the report and the measurements. A call with the same folder measures only what is missing there. */
  readonly to: string;
  /** Folder of photographs of frost, instead of generated textures. */
  readonly frostTextures?: string;
  /** The parts of the standard suite to measure; by default all: clean, corrupted, stylised, attacked. */
  readonly parts?: readonly SuitePart[];
}

/** The result of a suite, and its report as a document for `renderText`, `renderMarkdown` and `renderHtml`. */
export interface SuiteReport {
  readonly result: SuiteResult;
  readonly document: Document;
}

/**
 * Measures models on clean, corrupted, stylised and attacked images, or, if `data` is a corrupted set, on all of its corruptions and
 * severities. Writes report.html, .md, .csv and .json into the folder `to`.
 *
 * @param models runs, weights files or their addresses, or ONNX files; each only once
 * @throws UsageError ERR_SUITE a model is given twice, or an option does not apply to a corrupted set; and what opening the models and
 *   the images throws. ERR_PATH the folder `to` is that of the images or of a run
 * @throws RunError ERR_WRITE the folder `to` or that of a run cannot be written, which is checked before anything is measured. Measurements
 *   that were finished before the disk was full are kept
 */
export async function evaluateSuite(models: readonly string[], options: EvaluateSuiteOptions): Promise<SuiteReport> {
  checkReportFolder(models, options);
  checkSuiteParts("evaluate", options.parts);
  const machine = machineOf(options);
  const corrupted = isCorruptedSet(options.data);
  if (corrupted) checkForCorruptedSet(options);
  const opened: OpenedPredictor[] = [];
  const benchmarks: OpenedBenchmark[] = [];
  try {
    for (const path of models) {
      const model = await openModel(path, optionsFor(path, models, options), machine);
      opened.push(model);
      if (model.run !== undefined) checkSavable(model.run);
    }
    const names = uniqueNames(opened);
    const nameOf = (model: OpenedPredictor) => names.get(model)!;
    const given: SuiteDataOptions = { ...options, ...machine, seed: options.seed ?? 0 };
    for (const own of groupByInput(opened)) {
      const benchmark = corrupted
        ? openSetBenchmark(given, own, opened, nameOf)
        : openBenchmark(given, own, opened, nameOf);
      benchmarks.push(await benchmark);
    }
    return await measureAndReport(options, machine, benchmarks, opened, [...names.values()]);
  } finally {
    for (const benchmark of benchmarks) await benchmark.close();
    for (const model of opened) await model.close();
  }
}

/** The options for one of the models. What is only for the other kind of models is left out, if there are such models. */
function optionsFor(path: string, models: readonly string[], options: EvaluateSuiteOptions): EvaluateSuiteOptions {
  if (models.every((one) => isOnnx(one) === isOnnx(path))) return options;
  const others = isOnnx(path)
    ? { device: undefined, precision: undefined, memoryLimit: undefined }
    : { onnx: undefined };
  return { ...options, ...others };
}

/** @throws UsageError ERR_PATH the folder of the report is that of the images or of a run, which has a report of its own */
function checkReportFolder(models: readonly string[], { to, data }: EvaluateSuiteOptions): void {
  checkPath("evaluate", "to", to);
  checkNoInput("evaluate", to, [...models, ...(data === undefined ? [] : [data])], "folder");
}

/** Whether the data are a corrupted set on disk. */
export const isCorruptedSet = (data: string | undefined): boolean =>
  data !== undefined && data !== SHAPES && recogniseFolder(data, "evaluate").kind === "corrupted";

/** @throws UsageError ERR_FLAG, ERR_SUITE an option does not apply to a corrupted set */
function checkForCorruptedSet({ data, onBadImage, maxBad, split, frostTextures, parts }: EvaluateSuiteOptions): void {
  const badImages = { "data.onBadImage": onBadImage, "data.maxBad": maxBad };
  const [skipping] = Object.entries(badImages).find(([, value]) => value !== undefined) ?? [];
  if (skipping !== undefined) {
    const what = "a corrupted set must have the same images under every corruption, so photos cannot be skipped";
    throw new UsageError("ERR_FLAG", `evaluate: ${what}; leave \`${skipping}\` out, and repair or replace the photo`);
  }
  const [other] = Object.entries({ split, frostTextures, parts }).find(([, value]) => value !== undefined) ?? [];
  if (other === undefined) return;
  const what = `${data} is a corrupted set, and only its own images are measured`;
  throw new UsageError("ERR_SUITE", `evaluate: ${what}; leave \`${other}\` out, or give the clean images as \`data\``);
}

/** Measures the models, and writes the report. */
async function measureAndReport(
  options: EvaluateSuiteOptions,
  { precision }: Machine,
  benchmarks: readonly OpenedBenchmark[],
  opened: readonly OpenedPredictor[],
  names: readonly string[],
): Promise<SuiteReport> {
  const { to, seed = 0, command = [], onEvent } = options;
  const note = (message: string) => onEvent?.({ type: "note", message, warning: false });
  findingLines(benchmarks[0].findings).forEach(note);
  const store = new MeasurementStore(join(to, "measurements"));
  for (const { images, conditions, models } of benchmarks) {
    const attacked = attackedImages(conditions);
    note(
      `${models.map(({ name }) => name).join(", ")}: ${conditions.length} conditions on ${images.labels.length} images of ${images.name}` +
        (attacked === 0 ? "" : `, attacks on ${attacked} of them`),
    );
  }
  note(`Each finished condition is saved in ${store.folder}. After a stop the same command continues from there`);
  const { results, measured, reused } = await runSuite(benchmarks, store, (progress) =>
    onEvent?.({ type: "subset", ...progress }),
  );
  note(`${measured} measured, ${reused} taken from ${store.folder}`);

  // In the order of the arguments.
  const models = names.map((name) => {
    const benchmark = benchmarks.find((one) => one.models.some((model) => model.name === name))!;
    const model = benchmark.models.find((one) => one.name === name)!;
    return { model, benchmark, measurements: results.get(model)! };
  });
  const summary = summarise(models, seed);
  const protocol = protocolLines(options, precision, benchmarks, summary);
  const known = new Set(benchmarks.flatMap((benchmark) => benchmark.remarks));
  const remarks = [...known, ...accessRemarks(opened, names), ...choiceRemarks(options, opened, names)];
  const attack = models[0].measurements.has("pgd-10/8") ? await attackSamples(opened[0], seed) : undefined;
  const pictures = await samplePictures(models[0], attack);
  const seeds = summariseSeeds(summary, seedGroups(opened, names));
  const document = suiteDocument(summary, { protocol, remarks, seeds, pictures });
  const result: SuiteResult = {
    ...summary,
    ...(seeds && { seeds }),
    createdAt: new Date().toISOString(),
    command,
    protocol: Object.fromEntries(protocol),
    remarks,
    files: Object.fromEntries(names.map((name, i) => [name, opened[i].file])),
  };
  writeReport(to, "report", document, result);
  saveSuites(result, opened);
  onEvent?.({ type: "written", files: ["html", "md", "csv", "json"].map((kind) => join(to, `report.${kind}`)) });
  return { result, document };
}

/** Lines that describe how the models were measured. */
function protocolLines(
  { route = "main" }: EvaluateSuiteOptions,
  precision: Machine["precision"],
  benchmarks: readonly OpenedBenchmark[],
  { reference }: SuiteSummary,
): (readonly [what: string, how: string])[] {
  const [{ images, protocol }] = benchmarks;
  return [
    ...protocol,
    ...benchmarks.map(({ rules, models }): [string, string] => [
      `seen by ${models.map(({ name }) => name).join(", ")}`,
      rules.join("; "),
    ]),
    ["mCE reference", referenceRemark(reference)],
    ["batch norm route", route],
    ["precision", precision],
    ["SHA-256 of the images", images.digest.slice(0, 16)],
  ];
}

function accessRemarks(models: readonly OpenedPredictor[], names: readonly string[]): string[] {
  const closed = names.filter((_, i) => models[i].access === "black-box");
  if (closed.length === 0) return [];
  return [
    `${closed.join(", ")}: an ONNX file gives no gradients, so it gets only a black-box attack, which is weaker. ` +
      "Do not compare its accuracy under that attack with the accuracy of another model under PGD.",
  ];
}

function choiceRemarks(
  { data, split = "test" }: EvaluateSuiteOptions,
  models: readonly OpenedPredictor[],
  names: readonly string[],
): string[] {
  const chosen = names.filter((_, i) => chosenByImages({ ...models[i], split, data }));
  return chosen.length === 0 ? [] : [`${chosen.join(", ")}: ${CHOSEN_BY_IMAGES}`];
}

/** Groups runs whose recipes differ only in seed, threads and device. */
function seedGroups(models: readonly OpenedPredictor[], names: readonly string[]): SeedGroup[] {
  const groups = new Map<string, { name: string; members: { model: string; seed: number }[] }>();
  for (const [i, { run }] of models.entries()) {
    if (run === undefined) continue;
    const { seed, threads: _, device: __, ...recipe } = trainedRecipe(run);
    const key = JSON.stringify(recipe);
    const group = groups.get(key) ?? { name: `${recipe.method}, ${recipe.model}`, members: [] };
    groups.set(key, group);
    if (group.members.every((member) => member.seed !== seed)) group.members.push({ model: names[i], seed });
  }
  const all = [...groups.values()];
  return all.map((group, g) => {
    const before = all.slice(0, g).filter(({ name }) => name === group.name).length;
    return before === 0 ? group : { ...group, name: `${group.name} (${before + 1})` };
  });
}

/** The attack on the first model for the sample images, if it gives gradients. It has the largest radius, so that the change is visible. */
async function attackSamples(model: OpenedPredictor, seed: number): Promise<AttackSamples | undefined> {
  if (model.access !== "white-box") return undefined;
  const { pgd10Images } = await import("../../predictors/white-box-conditions.js");
  return (batch) => ({
    name: "PGD-10, 8/255",
    condition: "pgd-10/8",
    pixels: pgd10Images(model, batch, 8 / 255, seed),
  });
}
