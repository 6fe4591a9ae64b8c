/** Opens the images of a suite for its models. Nothing here may load libtorch, because an ONNX file does not need it. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFrostTextures } from "../../corruptions/sets/frost-photographs.js";
import type { Finding } from "../../data/inspection/findings.js";
import { evaluationBatches } from "../../data/loading/loader.js";
import type { BadImagePolicy } from "../../data/photos/bad-photos.js";
import { describeLeftOut } from "../../data/photos/photo-text.js";
import { shapesDataset } from "../../data/shapes/shapes.js";
import { stylize } from "../../data/writing/stylize.js";
import { UsageError } from "../../errors.js";
import { readClassMap } from "../../evaluation/classes/class-map.js";
import { type ClassRule, classRule, relabelled, underRule } from "../../evaluation/classes/class-rule.js";
import { evaluationBatchSize } from "../../evaluation/predictor.js";
import {
  type Condition,
  cleanCondition,
  corruptionConditions,
  type FrostPhotographs,
  STYLISED,
  squareCondition,
  stylisedCondition,
} from "../../evaluation/suite/condition.js";
import { changed, drawIndices, type SuiteImages, suiteImages } from "../../evaluation/suite/images.js";
import type { Benchmark, SuiteModel } from "../../evaluation/suite/run.js";
import type { OpenedPredictor } from "../../predictors/opened.js";
import { SHAPES } from "../../recipes/build/data.js";
import { usedLines } from "./chosen-by.js";
import { type EvaluationData, type EvaluationSplit, trainedRecipe, usedBy } from "./data.js";
import { type EvaluationOptions, openImages } from "./options.js";
import { protocolOf } from "./protocol.js";

const SUITE_PARTS = ["clean", "corrupted", "stylised", "attacked"] as const;

/** A part of the standard suite. */
export type SuitePart = (typeof SUITE_PARTS)[number];

/** @throws UsageError ERR_SUITE a part is not known, or none is given */
export function checkSuiteParts(what: string, parts: readonly SuitePart[] | undefined): void {
  if (parts === undefined) return;
  const wrong = parts.find((part) => !SUITE_PARTS.includes(part));
  if (wrong === undefined && parts.length > 0) return;
  const got = parts.length === 0 ? "none. Leave it out for all" : wrong;
  throw new UsageError("ERR_SUITE", `${what}: \`parts\` must be some of ${SUITE_PARTS.join(", ")}; got ${got}`);
}

/** The options that decide the images of a suite. */
export interface SuiteDataOptions
  extends Pick<EvaluationOptions, "data" | "split" | "classMap" | "cropFraction" | "limitTest"> {
  /** Folder of photographs of frost, instead of generated textures. */
  readonly frostTextures?: string;
  /** The parts to measure; by default all. */
  readonly parts?: readonly SuitePart[];
  readonly workers: number | null;
  /** What to do with photos that cannot be read. */
  readonly badImages: BadImagePolicy;
  /** Number format of the activations of our own models. */
  readonly precision: "fp32" | "bf16";
  readonly seed: number;
}

/** A group of models with the same input, and their images. */
export interface OpenedBenchmark extends Benchmark {
  /** Lines that describe the images and the conditions. */
  readonly protocol: readonly (readonly [what: string, how: string])[];
  /** Lines that describe how images are prepared for the models, and which predictions count as right. */
  readonly rules: readonly string[];
  /** Remarks on images that are not new to the models. */
  readonly remarks: readonly string[];
  /** Remarks on how a folder of photos was read. */
  readonly findings: readonly Finding[];
  close(): Promise<void>;
}

/** Up to this side of the images the larger subsets are used. */
const SMALL_SIDE = 64;

/** Default numbers of images, and of attacked images. The largest image size decides, so that all models are measured on the same images. */
export const subsetFor = (models: readonly Pick<OpenedPredictor, "imageSize">[]) =>
  models.every(({ imageSize }) => imageSize <= SMALL_SIDE)
    ? { images: 10_000, attacked: 1000 }
    : { images: 1000, attacked: 200 };

/** Groups models with the same image size, crop rule and list of classes. */
export function groupByInput(models: readonly OpenedPredictor[]): OpenedPredictor[][] {
  const groups = new Map<string, OpenedPredictor[]>();
  for (const model of models) {
    const key = JSON.stringify([model.imageSize, model.view, model.classes]);
    groups.set(key, [...(groups.get(key) ?? []), model]);
  }
  return [...groups.values()];
}

/**
 * Opens the images for models with the same input, and decides the conditions to measure.
 *
 * @param all all models of the suite, which share the attack
 * @param nameOf the name of each model in the report
 */
export async function openBenchmark(
  options: SuiteDataOptions,
  own: readonly OpenedPredictor[],
  all: readonly OpenedPredictor[],
  nameOf: (model: OpenedPredictor) => string,
): Promise<OpenedBenchmark> {
  const [first] = own;
  const { imageSize } = first;
  // The images are those of the first run, so that all models are measured on the same ones.
  const run = all.find((model) => model.run !== undefined)?.run;
  const limitTest = options.limitTest ?? subsetFor(all).images;
  const data = await openImages({ ...first, run }, { ...options, limitTest }, options);
  try {
    const map = options.classMap === undefined ? undefined : readClassMap(options.classMap);
    const rule = classRule(first.classes, data, map);
    const images = await suiteImages(
      { name: data.name, classes: rule.classes, imageSize },
      relabelled(data.images, rule),
    );
    const { images: how, classes } = protocolOf(first, data, rule);
    const conditions = await conditionsOf(options, images, data, run, all, rule);
    return {
      images,
      models: await suiteModels(own, nameOf, rule, options.precision),
      conditions,
      protocol: [...protocolLines(options, images, data.split, conditions, all), ...imageLines(data)],
      rules: [how, classes],
      remarks: knownRemarks(all, nameOf, data.split, data.keys, images.labels.length),
      findings: data.findings,
      close: () => data.close(),
    };
  } catch (error) {
    await data.close();
    throw error;
  }
}

async function conditionsOf(
  options: SuiteDataOptions,
  images: SuiteImages,
  data: EvaluationData,
  run: string | undefined,
  all: readonly OpenedPredictor[],
  rule: ClassRule,
): Promise<Condition[]> {
  const { seed, frostTextures, parts } = options;
  const wants = (part: SuitePart) => parts === undefined || parts.includes(part);
  const frost = frostTextures === undefined ? undefined : await frostPhotographs(frostTextures);
  const conditions = [
    ...(wants("clean") ? [cleanCondition(images)] : []),
    ...(wants("corrupted") ? corruptionConditions(images, seed, frost) : []),
    ...(wants("stylised") ? [stylised(options, images, data, run)] : []),
  ];
  // An attack needs the model's own logits.
  if (rule.columns !== undefined || !wants("attacked")) return conditions;
  const indices = drawIndices(images.labels.length, subsetFor(all).attacked, seed);
  if (all.some(({ access }) => access === "white-box")) {
    const { whiteBoxConditions } = await import("../../predictors/white-box-conditions.js");
    conditions.push(...whiteBoxConditions(images, indices, seed));
  }
  // If one model gives no gradients, all models also get the black-box attack, so that they can be compared.
  if (all.some(({ access }) => access === "black-box")) conditions.push(squareCondition(images, indices, seed));
  return conditions;
}

/** The stylised images: `shapes` are drawn with other textures, all other images are changed by `stylize`. */
function stylised(
  { data: path, seed }: SuiteDataOptions,
  images: SuiteImages,
  { split }: EvaluationData,
  run: string | undefined,
): Condition {
  const { data } = trainedRecipe(run);
  if ((path ?? data.path) !== SHAPES) {
    const batches = () =>
      changed(images.batches(), (pixels, { height, width }, sample) =>
        stylize(pixels, height, width, { seed, sample }),
      );
    return stylisedCondition({ variant: `re-textured as by advprop stylize, seed ${seed}` }, batches);
  }
  const part = split === "validation" ? "validation" : "test";
  const batches = async function* () {
    const { labels, imageSize: size } = images;
    // Image i does not depend on the number of images, and shows the same scene in both variants.
    const set = shapesDataset({ split: part, count: labels.length, size, seed: data.shapes.seed, variant: "stylised" });
    yield* evaluationBatches(set, evaluationBatchSize(size));
  };
  return stylisedCondition({ variant: "each object of shapes with the texture of another class" }, batches);
}

/** @throws what {@link readFrostTextures} throws */
async function frostPhotographs(folder: string): Promise<FrostPhotographs> {
  const textures = await readFrostTextures(folder);
  const hash = createHash("sha256");
  for (const { pixels, height, width } of textures) hash.update(JSON.stringify([height, width])).update(pixels);
  return { textures, digest: hash.digest("hex") };
}

function protocolLines(
  { limitTest, frostTextures, seed, parts }: SuiteDataOptions,
  images: SuiteImages,
  split: EvaluationSplit,
  conditions: readonly Condition[],
  all: readonly OpenedPredictor[],
): OpenedBenchmark["protocol"] {
  const attacked = attackedImages(conditions);
  return [
    ["data", `${images.name}, split ${split}`],
    ["number of images", numberOfImages(images, limitTest, all)],
    ...(parts === undefined ? [] : ([["parts of the suite", parts.join(", ")]] as const)),
    [
      "corruptions",
      `the 15 of ImageNet-C, severity 1 to 5, applied in memory after the crop, parameters by image size, seed ${seed}; ` +
        `frost from ${frostTextures === undefined ? "generated textures" : `the photographs in ${frostTextures}`}`,
    ],
    ["stylised", String(conditions.find(({ id }) => id === STYLISED)?.protocol.variant ?? "not measured")],
    [
      "attacks",
      attacked === 0
        ? parts === undefined
          ? "none: the data set has other classes than the model"
          : "not measured"
        : `L-infinity, untargeted, on ${attacked} images drawn by seed ${seed}; PGD-10: one random start, step epsilon / 4, worst iterate`,
    ],
  ];
}

/** A line about how the images were chosen, and which were left out. */
function imageLines(data: EvaluationData): [what: string, how: string][] {
  const about = [...data.notes, ...describeLeftOut(data.leftOut?.() ?? []).map((line) => line.trim())];
  return about.length === 0 ? [] : [["about the images", about.join(" ")]];
}

/**
 * Remarks on images that are not new to the runs among the models.
 *
 * @param keys the keys of the photos, where they are known
 * @param count number of images
 */
export const knownRemarks = (
  models: readonly OpenedPredictor[],
  nameOf: (model: OpenedPredictor) => string,
  split: EvaluationSplit,
  keys: readonly (string | undefined)[] | undefined,
  count: number,
): string[] =>
  models.flatMap((model) =>
    usedLines(count, split, usedBy(model.run, { keys })).map((line) => `${nameOf(model)}: ${line}`),
  );

/** The number of measured images, and its reason. */
export function numberOfImages(
  { labels }: SuiteImages,
  limitTest: number | undefined,
  all: readonly OpenedPredictor[],
): string {
  const most = `at most ${subsetFor(all).images} at the image sizes of the models, unless \`limitTest\` says otherwise`;
  return `${labels.length}, ${limitTest === undefined ? most : "by `limitTest`"}`;
}

export const attackedImages = (conditions: readonly Condition[]): number =>
  conditions.find(({ indices }) => indices !== undefined)?.indices?.length ?? 0;

export const suiteModels = (
  own: readonly OpenedPredictor[],
  nameOf: (model: OpenedPredictor) => string,
  rule: ClassRule,
  precision: SuiteDataOptions["precision"],
): Promise<SuiteModel[]> => Promise.all(own.map((model) => suiteModel(model, nameOf(model), rule, precision)));

/** A model with the digest of everything that its predictions depend on. */
async function suiteModel(
  model: OpenedPredictor,
  name: string,
  rule: ClassRule,
  precision: SuiteDataOptions["precision"],
): Promise<SuiteModel> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(model.file)) hash.update(chunk as Buffer);
  const ours = {
    ...(model.access === "white-box" && { route: model.route }),
    ...(precision !== "fp32" && { precision }),
  };
  const own = model.access === "white-box" ? ours : { format: model.format, output: model.output };
  const { classes, columns, join } = rule;
  hash.update(JSON.stringify({ ...own, view: model.view, classes, columns, join }));
  return { name, digest: hash.digest("hex"), predictor: underRule(model, rule) };
}

/**
 * The names of models in the report; numbers are added if several models have the same name.
 *
 * @throws UsageError ERR_SUITE a model is given twice
 */
export function uniqueNames(models: readonly OpenedPredictor[]): Map<OpenedPredictor, string> {
  const taken = new Set<string>();
  return new Map(
    models.map((model, i) => {
      if (models.findIndex(({ file }) => file === model.file) !== i) {
        throw new UsageError("ERR_SUITE", `evaluate: each model may be given only once; ${model.file} is given twice`);
      }
      let name = model.name;
      for (let number = 2; taken.has(name); number++) name = `${model.name} (${number})`;
      taken.add(name);
      return [model, name];
    }),
  );
}
