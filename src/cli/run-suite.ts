/** `advprop evaluate MODEL... --suite standard`: everything that is measured of some models, side by side. */
import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { evaluationBatches } from "../data/loader.js";
import type { OpenedData } from "../data/open-data.js";
import { shapesDataset } from "../data/shapes.js";
import { stylize } from "../data/stylize.js";
import { UsageError } from "../errors.js";
import { checkClasses } from "../evaluation/predictions.js";
import { evaluationBatchSize } from "../evaluation/predictor.js";
import { renderText } from "../evaluation/report/text.js";
import { writeReport } from "../evaluation/report/write.js";
import { type Cell, cleanCell, corruptionCells, squareCell, stylisedCell } from "../evaluation/suite/cell.js";
import { CellStore } from "../evaluation/suite/cell-store.js";
import { referenceRemark, suiteDocument } from "../evaluation/suite/document.js";
import { changed, drawPlaces, type SuiteImages, suiteImages } from "../evaluation/suite/images.js";
import { type Panel, runSuite, type SuiteModel } from "../evaluation/suite/run.js";
import { type MeasuredModel, summarise } from "../evaluation/suite/summary.js";
import { openPredictor } from "../predictors/open.js";
import type { OpenedPredictor } from "../predictors/opened.js";
import { openRecipeData, SHAPES } from "../recipes/data.js";
import { applySettings, parseRecipe, resolveRecipe } from "../recipes/resolve.js";
import type { ResolvedRecipe } from "../recipes/schema.js";
import { RunDirectory, savedSplit } from "../runs/run-directory.js";
import { type AttackSamples, samplePictures } from "./suite-pictures.js";
import { SuiteProgressLine } from "./suite-progress.js";

export interface RunSuiteOptions {
  readonly models: readonly string[];
  readonly data: string | undefined;
  readonly split: "validation" | "test";
  readonly route: string;
  readonly checkpoint: string | undefined;
  /** What ONNX files do not say of themselves. */
  readonly onnx: readonly string[] | undefined;
  /** Folder of the report and of the measured cells. */
  readonly output: string;
  /** Settings of where and how to compute. */
  readonly machineSettings: readonly string[];
  readonly limitTest: number | undefined;
  readonly seed: number;
  readonly threads: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Largest side of images for which the larger subsets are affordable. */
const SMALL_SIDE = 64;

/** Most images of the suite, and those of them that are attacked, unless told. */
const subsetOf = (imageSize: number) =>
  imageSize <= SMALL_SIDE ? { images: 10_000, attacked: 1000 } : { images: 1000, attacked: 200 };

type Model = SuiteModel & { readonly predictor: OpenedPredictor };

export async function runSuiteCommand(options: RunSuiteOptions): Promise<void> {
  const progress = new SuiteProgressLine(options.quiet);
  const machine = resolveRecipe(applySettings({}, options.machineSettings));
  const opened: OpenedPredictor[] = [];
  const sets: OpenedData[] = [];
  try {
    for (const path of options.models) {
      opened.push(await openPredictor(path, { ...options, memoryLimit: machine.memoryLimit ?? undefined }));
    }
    const models = await Promise.all(opened.map((predictor, i) => suiteModel(predictor, nameOf(opened, i))));
    const panels: Panel[] = [];
    for (const own of bySight(models)) {
      const data = await openSuiteData(options, own, machine.data.workers, models);
      sets.push(data);
      panels.push(await panelOf(options, own, data, models));
    }
    await measureAndReport(options, panels, models, progress);
  } finally {
    for (const data of sets) await data.close();
    for (const predictor of opened) await predictor.close();
  }
}

/** Measures, writes the report and prints it. */
async function measureAndReport(
  options: RunSuiteOptions,
  panels: readonly Panel[],
  models: readonly Model[],
  progress: SuiteProgressLine,
): Promise<void> {
  const { output, seed, split, json } = options;
  const store = new CellStore(join(output, "cells"));
  for (const { images, cells, models: own } of panels) {
    const attacked = cells.find(({ places }) => places !== undefined)?.places?.length ?? 0;
    progress.say(
      `${own.map(({ name }) => name).join(", ")}: ${cells.length} cells on ${images.labels.length} images of ${images.name}, ` +
        `attacks on ${attacked} of them. Saved in ${store.folder} as they come; the same command goes on after a stop.`,
    );
  }
  const { results, measured, reused } = await runSuite(panels, store, (event) => progress.show(event));
  progress.say(`${measured} cells measured, ${reused} found in ${store.folder}`);

  const summaries = models.map((model): MeasuredModel & { readonly model: Model } => ({
    model,
    panel: panels.find(({ models: own }) => own.includes(model))!,
    measurements: results.get(model)!,
  }));
  const summary = summarise(summaries, seed);
  const { images, cells } = summaries[0].panel;
  const attacked = cells.find(({ places }) => places !== undefined)?.places?.length ?? 0;
  const protocol = [
    ["data", `${images.name}, ${split} part`],
    [
      "images",
      `${images.labels.length}${options.limitTest === undefined ? ", the default at this size at most; --limit-test changes it" : ", by --limit-test"}`,
    ],
    ["image size", [...new Set(panels.map((panel) => panel.images.imageSize))].join(", ")],
    [
      "corruptions",
      `the 15 of ImageNet-C at severity 1 to 5, applied in memory, parameters by image size, seed ${seed}`,
    ],
    ["stylised", stylisedRemark(cells)],
    [
      "attacks",
      `L-infinity, untargeted, on ${attacked} images drawn by seed ${seed}; PGD-10 from a random start, step epsilon / 4`,
    ],
    ["mCE reference", referenceRemark(summary.reference)],
    ["batch norm route", options.route],
    ["SHA-256 of the images", images.digest.slice(0, 16)],
  ] as const;
  const pictures = await samplePictures(summaries[0], seed, await attackSamples(summaries[0].model, seed));
  const remarks = accessRemarks(models);
  const document = suiteDocument(summary, { protocol, remarks, pictures });
  const result = {
    ...summary,
    createdAt: new Date().toISOString(),
    command: ["advprop", ...process.argv.slice(2)],
    protocol: Object.fromEntries(protocol),
    remarks,
    files: Object.fromEntries(models.map(({ name, predictor }) => [name, predictor.file])),
  };
  writeReport(output, "report", document, result);
  progress.say(`Saved ${["html", "md", "csv", "json"].map((kind) => join(output, `report.${kind}`)).join(", ")}`);
  console.log(json ? JSON.stringify(result) : renderText(document));
}

/** A model with the digest of all that its answers depend on. */
async function suiteModel(predictor: OpenedPredictor, name: string): Promise<Model> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(predictor.file)) hash.update(chunk as Buffer);
  const asked =
    predictor.access === "white-box"
      ? { route: predictor.route }
      : { format: predictor.format, output: predictor.output, classes: predictor.classes };
  hash.update(JSON.stringify({ ...asked, imageSize: predictor.imageSize, view: predictor.view }));
  return { name, digest: hash.digest("hex"), predictor };
}

/** The model's own name, or where several have it, with its number. */
function nameOf(models: readonly OpenedPredictor[], i: number): string {
  const { name } = models[i];
  const same = models.filter((other) => other.name === name);
  return same.length === 1 ? name : `${name} (${same.indexOf(models[i]) + 1})`;
}

/** The models that see the same images: of one size and crop rule. */
function bySight(models: readonly Model[]): Model[][] {
  const groups = new Map<string, Model[]>();
  for (const model of models) {
    const key = JSON.stringify([model.predictor.imageSize, model.predictor.view]);
    groups.set(key, [...(groups.get(key) ?? []), model]);
  }
  return [...groups.values()];
}

/** What to measure of some models, on images as they see them. */
async function panelOf(
  options: RunSuiteOptions,
  own: readonly Model[],
  data: OpenedData,
  all: readonly Model[],
): Promise<Panel> {
  const { split, seed, limitTest } = options;
  for (const { predictor } of own) checkClasses(predictor.classes, data);
  const part = data[split];
  if (part === undefined) {
    throw new UsageError("ERR_SPLIT", `evaluate: ${data.name} has no part ${split}. Choose another with --split`);
  }
  const images = await suiteImages(data, part);
  const attacked = Math.min(limitTest ?? Number.POSITIVE_INFINITY, subsetOf(images.imageSize).attacked);
  const places = drawPlaces(images.labels.length, attacked, seed);
  const cells: Cell[] = [cleanCell(images), ...corruptionCells(images, seed), stylised(options, all, images)];
  if (own.some(({ predictor }) => predictor.access === "white-box")) {
    const { whiteBoxCells } = await import("../predictors/white-box-cells.js");
    cells.push(...whiteBoxCells(images, places, seed));
  }
  // Where one model only answers, all are given the attack that it can be given.
  if (all.some(({ predictor }) => predictor.access === "black-box")) cells.push(squareCell(images, places, seed));
  return { images, models: own, cells };
}

/** The images with other textures: those of `shapes` drawn anew, all others by `stylize`. */
function stylised(options: RunSuiteOptions, models: readonly Model[], images: SuiteImages): Cell {
  const recipe = dataRecipe(options, models);
  if (recipe.data.path !== SHAPES) {
    const { seed } = options;
    const batches = () =>
      changed(images.batches(), (pixels, { height, width }, sample) =>
        stylize(pixels, height, width, { seed, sample }),
      );
    return stylisedCell({ variant: `re-textured by advprop stylize, seed ${seed}` }, batches);
  }
  const { seed } = recipe.data.shapes;
  const { split } = options;
  const count = images.labels.length;
  const batches = async function* () {
    const dataset = shapesDataset({ split, count, size: images.imageSize, seed, variant: "stylised" });
    yield* evaluationBatches(dataset, evaluationBatchSize(images.imageSize));
  };
  return stylisedCell({ variant: "shapes, each with the texture of another class" }, batches);
}

const stylisedRemark = (cells: readonly Cell[]): string =>
  String(cells.find(({ id }) => id === "stylised")?.protocol.variant ?? "not measured");

const accessRemarks = (models: readonly Model[]): string[] => {
  const closed = models.filter(({ predictor }) => predictor.access === "black-box").map(({ name }) => name);
  if (closed.length === 0) return [];
  return [
    `${closed.join(", ")} only answers: gradients cannot be taken of an ONNX file, so it is attacked by a black-box attack alone, ` +
      "which is weaker than a white-box one. Its accuracy under attack must not be compared with one under PGD.",
  ];
};

/** How the first model is attacked for the sample images, where it can be: at the largest radius, to be seen. */
async function attackSamples({ predictor }: Model, seed: number): Promise<AttackSamples | undefined> {
  if (predictor.access !== "white-box") return undefined;
  const { pgd10Images } = await import("../predictors/white-box-cells.js");
  const epsilon = 8 / 255;
  return (batch) => ({ name: "PGD-10, 8/255", cell: "pgd-10/8", pixels: pgd10Images(predictor, batch, epsilon, seed) });
}

/** The recipe whose images are measured on: that of the first run, else the defaults; --data goes before. */
function dataRecipe({ data }: RunSuiteOptions, models: readonly Model[]): ResolvedRecipe {
  const run = models.find(({ predictor }) => predictor.run !== undefined)?.predictor.run;
  const trained = run === undefined ? resolveRecipe({}) : recipeOf(run);
  return { ...trained, data: { ...trained.data, path: data ?? trained.data.path } };
}

function recipeOf(run: string): ResolvedRecipe {
  const { recipe } = RunDirectory.open(run);
  return resolveRecipe(parseRecipe(readFileSync(recipe, "utf8"), recipe));
}

/** The images as some models see them. */
async function openSuiteData(
  options: RunSuiteOptions,
  [{ predictor }]: readonly Model[],
  workers: number | null,
  models: readonly Model[],
): Promise<OpenedData> {
  const recipe = dataRecipe(options, models);
  const { imageSize } = predictor;
  const limitTest = options.limitTest ?? subsetOf(imageSize).images;
  const first = models.find((one) => one.predictor.run !== undefined)?.predictor.run;
  // A split of the run's own photos holds for these alone.
  const trainedOn = first === undefined ? undefined : recipeOf(first).data.path;
  const own = trainedOn != null && recipe.data.path != null && resolve(trainedOn) === resolve(recipe.data.path);
  return openRecipeData(
    { ...recipe, data: { ...recipe.data, imageSize, workers, limitTest } },
    { parts: [options.split], split: own ? savedSplit(first!) : undefined, view: predictor.view },
  );
}
