/** Opens a corrupted set on disk for the models of a suite. Nothing here may load libtorch, because an ONNX file does not need it. */
import { CORRUPTIONS, SEVERITIES } from "../../corruptions/index.js";
import { type CorruptedSet, hasOriginalSizes, openCorruptedSet } from "../../data/corrupted-set.js";
import { UsageError } from "../../errors.js";
import { readClassMap } from "../../evaluation/classes/class-map.js";
import { classRule, relabelled } from "../../evaluation/classes/class-rule.js";
import { benchmarkFirst, corruptedSetConditions } from "../../evaluation/suite/corrupted-set.js";
import { suiteImages } from "../../evaluation/suite/images.js";
import type { OpenedPredictor } from "../../predictors/opened.js";
import {
  knownRemarks,
  numberOfImages,
  type OpenedBenchmark,
  type SuiteDataOptions,
  subsetFor,
  suiteModels,
} from "./benchmark.js";
import { checkPhotoOptions } from "./photo-options.js";
import { protocolOf } from "./protocol.js";

/**
 * Opens a corrupted set for models with the same input, with a condition for each corruption and severity. Photos that were published
 * or resized are not cropped, since they are squares for a model. Photos at their own sizes are cropped like clean ones. A given crop
 * fraction holds for all.
 *
 * @param data folder of the set
 * @param all  all models of the suite
 * @throws UsageError ERR_IMAGE_SIZE its arrays do not have the image size of the models; ERR_FLAG an option for photos is given for
 *   arrays; and what the reader and the class rule throw
 */
export async function openSetBenchmark(
  { data = "", classMap, cropFraction, limitTest, workers, precision, seed }: SuiteDataOptions,
  own: readonly OpenedPredictor[],
  all: readonly OpenedPredictor[],
  nameOf: (model: OpenedPredictor) => string,
): Promise<OpenedBenchmark> {
  const [first] = own;
  const { imageSize } = first;
  const view = { ...first.view, cropFraction: cropFraction ?? (hasOriginalSizes(data) ? first.view.cropFraction : 1) };
  const most = limitTest ?? subsetFor(all).images;
  const set = openCorruptedSet(data, { ...view, imageSize, limitTest: most, seed, workers: workers ?? undefined });
  if (set === undefined) throw new UsageError("ERR_DATA_LAYOUT", `evaluate: ${data} is not a corrupted set`);
  checkPhotoOptions({ cropFraction, workers }, data, () => set.layout === "imagenet-c");
  if (set.imageSize !== imageSize) {
    throw new UsageError(
      "ERR_IMAGE_SIZE",
      `evaluate: arrays are not resized, and those of ${data} have ${set.imageSize} pixels; ${nameOf(first)} takes ${imageSize}. ` +
        "Choose a model of that size",
    );
  }
  const rule = classRule(first.classes, set, classMap === undefined ? undefined : readClassMap(classMap));
  const read = (corruption: string, severity: number) => relabelled(set.images(corruption, severity), rule);
  const [corruption] = benchmarkFirst(set.corruptions);
  const [severity] = set.severities(corruption);
  const images = await suiteImages({ name: set.name, classes: rule.classes, imageSize }, read(corruption, severity));
  const keys = set.keys(corruption, severity);
  const measured = keys && Array.from(images.samples, (sample) => keys[sample]);
  const known = knownRemarks(all, nameOf, "all", measured, images.labels.length);
  const cut = set.layout === "imagenet-c" ? view : undefined;
  const { images: how, classes } = protocolOf(first, { classes: set.classes, view: cut }, rule);
  return {
    images,
    models: await suiteModels(own, nameOf, rule, precision),
    conditions: corruptedSetConditions({ set, images, reading: { layout: set.layout, ...cut }, read }),
    protocol: [
      ["data", `${set.name}, a corrupted set in the layout ${set.layout}`],
      ["number of images", `${numberOfImages(images, limitTest, all)}, the same under every corruption`],
      ["corruptions", corruptionsOf(set)],
      ["clean, stylised, attacks", "not measured: a corrupted set has no clean images"],
    ],
    rules: [how, classes],
    remarks: known.map((line) => `${line} ${OWN_SET}`),
    findings: [],
    close: async () => {},
  };
}

const OWN_SET = "To corrupt only its own test photos: advprop corrupt `run: RUN` `to: DIR`.";

/** Describes the corruptions of the set. */
function corruptionsOf(set: CorruptedSet): string {
  const { corruptions } = set;
  const whole = CORRUPTIONS.every(
    (name) => corruptions.includes(name) && set.severities(name).length === SEVERITIES.length,
  );
  const others = corruptions.length - CORRUPTIONS.length;
  const found = whole
    ? `the 15 of ImageNet-C, severity 1 to 5${others === 0 ? "" : `, and ${others} more, which count in no mean`}`
    : benchmarkFirst(corruptions)
        .map((name) => `${name} ${set.severities(name).join(", ")}`)
        .join("; ");
  return `read from the set's files: ${found}`;
}
