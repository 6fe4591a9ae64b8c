/** Exports classifiers as a web page. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { ROOT } from "../../../scripts/places.mjs";
import { AdvPropError, assert, UsageError } from "../../errors.js";
import { displayNames } from "../../evaluation/classes/imagenet.js";
import type { EvaluationView } from "../../evaluation/view.js";
import { modelName } from "../../predictors/opened.js";
import { makeFolder, writeError } from "../../runs/atomic-file.js";
import { checkPath } from "../../runs/given-path.js";
import { WEB_MODELS, type WebModel } from "../../runs/web-models.js";
import type { OpenWeightsOptions } from "../../weights/open.js";
import { exportModel } from "./export-model.js";
import type { Verification } from "./export-verification.js";

export interface ExportWebOptions extends OpenWeightsOptions {
  /** Side of the images; by default that of each model. */
  readonly imageSize?: number;
}

/** A model of a page. */
export interface ExportedWebModel extends WebModel {
  /** The weights file that it was made from. */
  readonly from: string;
  /** What was recognised in weights of another code base, as sentences. */
  readonly notes: readonly string[];
  readonly verification: Verification;
}

/** What was written. */
export interface ExportWebResult {
  readonly format: "web";
  readonly folder: string;
  /** Size of all files. */
  readonly bytes: number;
  readonly models: readonly ExportedWebModel[];
}

const PAGE = join(ROOT, "dist/web/classify");
/** Temporary folder inside the target folder, until all files are written. */
const STAGING = ".export.tmp";
/** Smallest side of images for the corruptions of the sliders. */
const LEAST_SIDE = 16;

/**
 * Writes a page that classifies photos in the visitor's browser, by one model or by two side by side, with sliders for corruptions. Any
 * static server can serve the folder, and the page loads nothing from elsewhere. Each model is an ONNX file that was verified as
 * described at {@link exportModel}.
 *
 * @param models one or two models, each a run's folder or weights: anything that `openWeights` opens
 * @param to a new or empty folder
 * @throws UsageError ERR_EXPORT there are not one or two models, the folder is not empty, or the images have fewer than 16 pixels per
 *   side; and what `exportModel` throws. The folder is then unchanged
 */
export async function exportWeb(
  models: readonly string[],
  to: string,
  options: ExportWebOptions = {},
): Promise<ExportWebResult> {
  if (models.length < 1 || models.length > 2) {
    throw new UsageError("ERR_EXPORT", `export: a page shows one model or two; got ${models.length}`);
  }
  assert(existsSync(join(PAGE, "index.html")), "the page was built with the package");
  checkPath("export", "to", to);
  const folder = resolve(to);
  const staging = join(folder, STAGING);
  const made = emptyFolder(folder);
  try {
    mkdirSync(staging);
    cpSync(PAGE, staging, { recursive: true });
    const exported: ExportedWebModel[] = [];
    for (const [i, model] of models.entries()) {
      exported.push(
        await writeModel(model, staging, models.length === 1 ? "model.onnx" : `model-${i + 1}.onnx`, options),
      );
    }
    const list: readonly WebModel[] = exported.map(({ from: _, notes: __, verification: ___, ...one }) => one);
    writeFileSync(join(staging, WEB_MODELS), `${JSON.stringify(list, undefined, 2)}\n`);
    const files = readdirSync(staging, { recursive: true, encoding: "utf8" }).map((name) =>
      statSync(join(staging, name)),
    );
    const bytes = files.reduce((total, file) => total + (file.isFile() ? file.size : 0), 0);
    // The page is written last, so that it never appears without the other files.
    for (const name of readdirSync(staging).sort((a, b) => Number(a === "index.html") - Number(b === "index.html"))) {
      renameSync(join(staging, name), join(folder, name));
    }
    rmdirSync(staging);
    return { format: "web", folder: to, bytes, models: exported };
  } catch (cause) {
    rmSync(made ?? staging, { recursive: true, force: true });
    throw cause instanceof AdvPropError || !(cause as NodeJS.ErrnoException).syscall ? cause : writeError(to, cause);
  }
}

/**
 * Makes the folder if it does not exist.
 *
 * @returns the outermost folder that was made; undefined if the folder existed
 * @throws ERR_EXPORT the folder is not empty; ERR_WRITE
 */
function emptyFolder(folder: string): string | undefined {
  const made = makeFolder(folder);
  try {
    rmSync(join(folder, STAGING), { recursive: true, force: true });
  } catch (cause) {
    throw writeError(folder, cause);
  }
  if (readdirSync(folder).length > 0) {
    throw new UsageError(
      "ERR_EXPORT",
      `export: ${folder} must be a new or empty folder. Choose another one, or empty it`,
    );
  }
  return made;
}

async function writeModel(
  model: string,
  folder: string,
  file: string,
  { imageSize, ...options }: ExportWebOptions,
): Promise<ExportedWebModel> {
  const result = await exportModel(model, join(folder, file), { ...options, format: "onnx", imageSize });
  assert(result.format === "onnx", "the result has the requested format");
  const { preprocessing, facts, from, notes, verification, bytes } = result;
  const { imageSize: side, cropFraction, interpolation, classes } = preprocessing;
  if (side < LEAST_SIDE) {
    throw new UsageError(
      "ERR_EXPORT",
      `export: the corruptions of the page need images of at least ${LEAST_SIDE} pixels per side; those of ${model} have ${side}. ` +
        "Give a larger `imageSize`, or export an ONNX file",
    );
  }
  const { method, epsilon, norm, accuracy } = facts;
  return {
    file,
    bytes,
    name: modelName(model),
    model: result.model,
    imageSize: side,
    view: { cropFraction, interpolation } as EvaluationView,
    classes: displayNames(classes),
    ...(method !== undefined && { method }),
    ...(epsilon !== undefined && { epsilon }),
    ...(norm !== undefined && { norm }),
    ...(accuracy !== undefined && { accuracy }),
    from,
    notes,
    verification,
  };
}
