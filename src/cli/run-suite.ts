/** `advprop evaluate MODEL... --suite standard`, or of a corrupted set: everything that is measured of some models, side by side. */
import { join } from "node:path";
import { renderText } from "../evaluation/report/text.js";
import { writeReport } from "../evaluation/report/write.js";
import { CellStore } from "../evaluation/suite/cell-store.js";
import { referenceRemark, suiteDocument } from "../evaluation/suite/document.js";
import { runSuite } from "../evaluation/suite/run.js";
import { type SeedGroup, summariseSeeds } from "../evaluation/suite/seeds.js";
import { type SuiteSummary, summarise } from "../evaluation/suite/summary.js";
import type { OnnxOptions } from "../predictors/onnx-settings.js";
import { openPredictor } from "../predictors/open.js";
import type { OpenedPredictor } from "../predictors/opened.js";
import { applySettings, resolveRecipe } from "../recipes/resolve.js";
import { badImagesOf } from "./bad-image-settings.js";
import { CHOSEN_BY_IMAGES, chosenByImages } from "./chosen-by.js";
import { downloadProgress } from "./download-progress.js";
import { trainedRecipe } from "./evaluation-data.js";
import { sayFindings } from "./say-findings.js";
import { openSetPanel } from "./set-panel.js";
import {
  attackedImages,
  bySight,
  modelNames,
  type OpenedPanel,
  openPanel,
  type SuiteDataOptions,
} from "./suite-panels.js";
import { type AttackSamples, samplePictures } from "./suite-pictures.js";
import { SuiteProgressLine } from "./suite-progress.js";

export interface RunSuiteOptions extends Omit<SuiteDataOptions, "workers" | "precision" | "badImages"> {
  /** The folder of a corrupted set that is measured instead of the standard suite. */
  readonly corruptedSet: string | undefined;
  readonly models: readonly string[];
  readonly checkpoint: string | undefined;
  readonly route: string | undefined;
  /** What is said of ONNX files. */
  readonly onnx: OnnxOptions;
  /** Folder of the report and of the measured cells. */
  readonly output: string;
  /** Settings of where and how to compute. */
  readonly machineSettings: readonly string[];
  /** Settings of what is done about photos that cannot be read. */
  readonly badImageSettings: readonly string[];
  readonly threads: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

export async function runSuiteCommand(options: RunSuiteOptions): Promise<void> {
  const { checkpoint, route, threads, onnx, corruptedSet } = options;
  const machine = resolveRecipe(applySettings({}, options.machineSettings));
  const { precision, device } = machine;
  const memoryLimit = machine.memoryLimit ?? undefined;
  const models: OpenedPredictor[] = [];
  const panels: OpenedPanel[] = [];
  try {
    for (const path of options.models) {
      // What is said of ONNX files is not meant for our own.
      const settings = path.toLowerCase().endsWith(".onnx") ? onnx : {};
      const computing = { threads, precision, device, memoryLimit };
      const progress = downloadProgress(options.quiet);
      const opening = { checkpoint, route, ...computing, onnx: settings, onProgress: progress.show };
      const model = await openPredictor(path, opening);
      models.push(model);
      progress.end(model.notes);
    }
    const names = modelNames(models);
    const badImages = badImagesOf(options.badImageSettings);
    const given = { ...options, workers: machine.data.workers, badImages, precision };
    const nameOf = (model: OpenedPredictor) => names.get(model)!;
    for (const own of bySight(models)) {
      const panel = corruptedSet
        ? openSetPanel({ ...given, data: corruptedSet }, own, nameOf)
        : openPanel(given, own, models, nameOf);
      panels.push(await panel);
    }
    await measureAndReport({ ...options, precision }, panels, models, [...names.values()]);
  } finally {
    for (const panel of panels) await panel.close();
    for (const model of models) await model.close();
  }
}

type MeasureOptions = RunSuiteOptions & Pick<SuiteDataOptions, "precision">;

/** Measures, writes the report and prints it. */
async function measureAndReport(
  options: MeasureOptions,
  panels: readonly OpenedPanel[],
  opened: readonly OpenedPredictor[],
  names: readonly string[],
): Promise<void> {
  const { output, seed, json } = options;
  const progress = new SuiteProgressLine(options.quiet);
  sayFindings(panels[0].findings, options.quiet);
  const store = new CellStore(join(output, "cells"));
  for (const { images, cells, models } of panels) {
    progress.say(
      `${models.map(({ name }) => name).join(", ")}: ${cells.length} cells on ${images.labels.length} images of ${images.name}` +
        (options.corruptedSet ? "" : `, attacks on ${attackedImages(cells)} of them`),
    );
  }
  progress.say(`Each cell is saved in ${store.folder}: after a stop the same command goes on from there`);
  const { results, measured, reused } = await runSuite(panels, store, (event) => progress.show(event));
  progress.say(`${measured} measured, ${reused} found in ${store.folder}`);

  // In the order in which they were given.
  const models = names.map((name) => {
    const panel = panels.find((one) => one.models.some((model) => model.name === name))!;
    const model = panel.models.find((one) => one.name === name)!;
    return { model, panel, measurements: results.get(model)! };
  });
  const summary = summarise(models, seed);
  const protocol = protocolLines(options, panels, summary);
  const remarks = [...accessRemarks(opened, names), ...choiceRemarks(options, opened, names)];
  const attack = models[0].measurements.has("pgd-10/8") ? await attackSamples(opened[0], seed) : undefined;
  const pictures = await samplePictures(models[0], attack);
  const seeds = summariseSeeds(summary, seedGroups(opened, names));
  const document = suiteDocument(summary, { protocol, remarks, seeds, pictures });
  const result = {
    ...summary,
    ...(seeds && { seeds }),
    createdAt: new Date().toISOString(),
    command: ["advprop", ...process.argv.slice(2)],
    protocol: Object.fromEntries(protocol),
    remarks,
    files: Object.fromEntries(names.map((name, i) => [name, opened[i].file])),
  };
  writeReport(output, "report", document, result);
  progress.say(`Saved ${["html", "md", "csv", "json"].map((kind) => join(output, `report.${kind}`)).join(", ")}`);
  console.log(json ? JSON.stringify(result) : renderText(document));
}

/** How it was measured, in words. */
function protocolLines(
  { route = "main", precision }: MeasureOptions,
  panels: readonly OpenedPanel[],
  { reference }: SuiteSummary,
): (readonly [what: string, how: string])[] {
  const [{ images, protocol }] = panels;
  return [
    ...protocol,
    ...panels.map(({ sight, models }): [string, string] => [
      `seen by ${models.map(({ name }) => name).join(", ")}`,
      sight.join("; "),
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
    `${closed.join(", ")}: an ONNX file only answers and gives no gradients, so it is attacked by a black-box attack alone, which is ` +
      "weaker. Its accuracy under that attack must not be compared with another model's under PGD.",
  ];
}

function choiceRemarks(
  { data, split = "test" }: RunSuiteOptions,
  models: readonly OpenedPredictor[],
  names: readonly string[],
): string[] {
  const chosen = names.filter((_, i) => chosenByImages({ ...models[i], split, data }));
  return chosen.length === 0 ? [] : [`${chosen.join(", ")}: ${CHOSEN_BY_IMAGES}`];
}

/** The runs by their recipes without what does not matter to a method: seed, threads and device. */
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

/** How the first model is attacked for the sample images, where it can be: at the largest radius, to be seen. */
async function attackSamples(model: OpenedPredictor, seed: number): Promise<AttackSamples | undefined> {
  if (model.access !== "white-box") return undefined;
  const { pgd10Images } = await import("../predictors/white-box-cells.js");
  return (batch) => ({ name: "PGD-10, 8/255", cell: "pgd-10/8", pixels: pgd10Images(model, batch, 8 / 255, seed) });
}
