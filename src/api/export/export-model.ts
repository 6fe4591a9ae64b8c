/** Exports a trained classifier as a file for other programs. */
import { existsSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { checkText, didYouMean, UsageError } from "../../errors.js";
import { ONNX_INPUTS, type OnnxExportOptions, type OnnxFacts, onnxOf, onnxPreprocessing } from "../../export/onnx.js";
import { type OnnxPreprocessing, type Preprocessing, preprocessingOf } from "../../export/preprocessing.js";
import { exportWeights, importWeights } from "../../export/safetensors.js";
import type { Classifier } from "../../models/classifier.js";
import { loadedClassifier } from "../../models/loaded.js";
import { MAIN_ROUTE } from "../../nn/context.js";
import { classifierPredictor } from "../../predictors/classifier-predictor.js";
import { loadOnnxRuntime } from "../../predictors/onnx/onnx-runtime.js";
import { isOnnx } from "../../predictors/open.js";
import { writeError, writeFileAtomic } from "../../runs/atomic-file.js";
import { checkEnding, checkNoInput } from "../../runs/given-path.js";
import { type OpenedWeights, type OpenWeightsOptions, openWeights } from "../../weights/open.js";
import { accuracyOf, trainingOf } from "./export-facts.js";
import { sampleImages } from "./export-images.js";
import { type Verification, verifyOnnx } from "./export-verification.js";

const EXPORT_FORMATS = ["onnx", "safetensors"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportModelOptions extends OpenWeightsOptions, OnnxExportOptions {
  /** By default it follows from the ending of the file, and it must have this ending. */
  readonly format?: ExportFormat;
  /** For safetensors: whether to include the batch norms of the auxiliary routes. */
  readonly auxiliary?: boolean;
  /** For ONNX: side of the images, by default that of the model. The file fixes height and width. */
  readonly imageSize?: number;
}

/** What was written. */
export type ExportResult = {
  readonly file: string;
  /** The weights file that it was made from. */
  readonly from: string;
  /** What was recognised in weights of another code base, as sentences. */
  readonly notes: readonly string[];
  readonly model: string;
  readonly bytes: number;
} & (
  | {
      readonly format: "safetensors";
      readonly tensors: number;
      readonly routes: readonly string[];
      readonly preprocessing: Preprocessing;
    }
  | {
      readonly format: "onnx";
      readonly preprocessing: OnnxPreprocessing;
      readonly facts: OnnxFacts;
      readonly verification: Verification;
    }
);

/**
 * Writes a model as safetensors for Python, or as ONNX for every runtime. The metadata describes the preprocessing of images.
 *
 * An ONNX file is verified before it gets its name: ONNX Runtime runs it in a separate process, on images of the run if they still
 * exist. The largest difference of the logits must be below 1e-4 of the largest logit. The most probable class must be the same, unless
 * the two largest logits are closer than that. `onnxOf` describes the contents of the file.
 *
 * @param model a run's folder, or weights: anything that `openWeights` opens
 * @throws UsageError ERR_ARGUMENT `model` or `to` is not text; ERR_EXPORT the format does not follow from the ending, or an option belongs
 *   to the other format; ERR_PATH the ending is not that of the format, or the weights or a checkpoint of a run would be overwritten;
 *   ERR_ONNX_RUNTIME there is no ONNX Runtime to verify the file; and what `openWeights` throws
 * @throws RunError ERR_EXPORT_VERIFY the file does not give the model's logits; ERR_WRITE it cannot be written. An earlier file of that
 *   name is then unchanged
 */
export async function exportModel(model: string, to: string, options: ExportModelOptions = {}): Promise<ExportResult> {
  if (isOnnx(model)) {
    throw new UsageError(
      "ERR_EXPORT",
      `export: ${model} is an ONNX file already. Give the run or the weights that it was made from`,
    );
  }
  checkText(to, "export: `to`, the path of the new file,");
  const format = formatOf(to, options);
  checkOptions(format, options);
  const folder = dirname(to);
  if (!existsSync(folder)) {
    throw new UsageError(
      "ERR_EXPORT",
      `export: cannot write ${basename(to)}, because the folder ${folder} does not exist. Create it first`,
    );
  }
  checkNoCheckpoint(folder);
  // Fails before anything is read or downloaded if ONNX Runtime is missing.
  if (format === "onnx") loadOnnxRuntime();
  const opened = await openWeights(model, options);
  checkNoInput("export", to, [opened.file], "file");
  const { imageSize = opened.specification.imageSize } = options;
  const specification = { ...opened.specification, imageSize };
  const classifier = loadedClassifier({ ...opened, specification }, opened.file);
  try {
    const common = { file: to, from: opened.file, notes: opened.notes, model: specification.name };
    const written =
      format === "onnx"
        ? await writeOnnx(classifier, opened, to, options)
        : writeSafetensors(classifier, opened, to, options.auxiliary === true);
    return { ...common, bytes: statSync(to).size, ...written };
  } finally {
    classifier.dispose();
  }
}

function writeSafetensors(classifier: Classifier, { file }: OpenedWeights, to: string, auxiliary: boolean) {
  exportWeights(classifier, to, { auxiliary, metadata: trainingOf(file) });
  // The report is about the file as it was written, so the file is read again.
  const { tensors, specification } = importWeights(to);
  return {
    format: "safetensors",
    tensors: tensors.size,
    routes: [MAIN_ROUTE, ...specification.routes],
    preprocessing: preprocessingOf(specification),
  } as const;
}

async function writeOnnx(
  classifier: Classifier,
  { file, run, preset }: OpenedWeights,
  to: string,
  options: OnnxExportOptions,
) {
  const { specification } = classifier;
  const accuracy = accuracyOf(file, specification);
  const facts: OnnxFacts = { ...(preset && { preset }), ...trainingOf(file), ...(accuracy && { accuracy }) };
  const images = await sampleImages(run, specification);
  const logits = (await classifierPredictor(classifier).logits(images)) as Float32Array;
  // The temporary name also ends in .onnx, because a model is recognised as ONNX by its ending.
  const unverified = join(dirname(to), `.${basename(to)}.${process.pid}.onnx`);
  try {
    writeFileAtomic(unverified, onnxOf(classifier, options, facts));
    const { classes } = specification;
    const expected = { logits, classes, probabilities: options.softmax === true };
    const verification = await verifyOnnx(unverified, images, expected);
    rename(unverified, to);
    return { format: "onnx", preprocessing: onnxPreprocessing(specification, options), facts, verification } as const;
  } finally {
    rmSync(unverified, { force: true });
  }
}

function rename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (cause) {
    throw writeError(to, cause);
  }
}

/** @throws ERR_PATH the folder holds the checkpoints of a run, from which its training goes on */
function checkNoCheckpoint(folder: string): void {
  const real = realpathSync(folder);
  if (basename(real) !== "checkpoints" || !existsSync(join(dirname(real), "run.json"))) return;
  throw new UsageError("ERR_PATH", `export: ${folder} holds the checkpoints of a run. Choose another folder`);
}

function formatOf(to: string, { format }: ExportModelOptions): ExportFormat {
  if (format !== undefined) {
    if (EXPORT_FORMATS.includes(format)) {
      checkEnding("export", to, `.${format}`);
      return format;
    }
    const hint = didYouMean(format, EXPORT_FORMATS);
    throw new UsageError(
      "ERR_EXPORT",
      `export: \`format\` must be ${EXPORT_FORMATS.join(" or ")}; got ${format}.${hint}`,
    );
  }
  const found = EXPORT_FORMATS.find((one) => to.toLowerCase().endsWith(`.${one}`));
  if (found !== undefined) return found;
  throw new UsageError("ERR_EXPORT", `export: \`to\` must name a file that ends in .onnx or .safetensors; got ${to}`);
}

/** @throws ERR_EXPORT an option does not apply to this format, or has a wrong value */
function checkOptions(format: ExportFormat, options: ExportModelOptions): void {
  const { input, softmax, keepNorms, imageSize, auxiliary } = options;
  const refuse = (what: string) => {
    throw new UsageError("ERR_EXPORT", `export: ${what}`);
  };
  const ofOnnx = Object.entries({ input, softmax, keepNorms, imageSize });
  const [name] = ofOnnx.find(([, value]) => value !== undefined && value !== false) ?? [];
  if (format === "safetensors" && name !== undefined) {
    refuse(`\`${name}\` applies only to ONNX files. Leave it out, or name a file that ends in .onnx`);
  }
  if (format === "onnx" && auxiliary) {
    refuse("`auxiliary` applies only to safetensors: an ONNX file always uses the main batch norms. Leave it out");
  }
  if (input !== undefined && !ONNX_INPUTS.includes(input)) {
    refuse(`\`input\` must be ${ONNX_INPUTS.join(" or ")}; got ${input}.${didYouMean(input, ONNX_INPUTS)}`);
  }
  if (imageSize !== undefined && !(Number.isInteger(imageSize) && imageSize >= 1)) {
    refuse(`\`imageSize\` must be a positive whole number of pixels; got ${imageSize}`);
  }
}
