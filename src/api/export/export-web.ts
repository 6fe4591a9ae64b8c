/** Classifiers as a page for browsers: what the export command does with the format web. */
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
import { imagenetWords } from "../../evaluation/classes/imagenet.js";
import type { EvaluationView } from "../../evaluation/view.js";
import { modelName } from "../../predictors/opened.js";
import { writeError } from "../../runs/atomic-file.js";
import { WEB_MODELS, type WebModel } from "../../runs/web-models.js";
import type { OpenWeightsOptions } from "../../weights/open.js";
import { exportModel } from "./export-model.js";
import type { Verification } from "./export-verification.js";

export interface ExportWebOptions extends OpenWeightsOptions {
  /** Side of the images, by default each model's own. */
  readonly imageSize?: number;
}

/** A model of a page. */
export interface ExportedWebModel extends WebModel {
  /** The file that it was made from. */
  readonly from: string;
  /** What was recognised in weights of another code base. */
  readonly notes: readonly string[];
  readonly verification: Verification;
}

/** What was written. */
export interface ExportWebResult {
  readonly format: "web";
  readonly folder: string;
  /** Of all files. */
  readonly bytes: number;
  readonly models: readonly ExportedWebModel[];
}

const PAGE = join(ROOT, "dist/web/classify");
/** In the folder, until all is there. */
const STAGING = ".export.tmp";
/** The sliders' corruptions want as many pixels a side. */
const LEAST_SIDE = 16;

/**
 * Writes a page that classifies photos on the device of who looks at it, by one model or two side by side, with sliders for corruptions.
 * Any static server can serve the folder, and nothing outside of it is asked for. Each model is an ONNX file that was verified as
 * {@link exportModel} says.
 *
 * @param models one or two: each a run's folder, or weights: all that `openWeights` opens
 * @param to a new or an empty folder
 * @throws UsageError ERR_EXPORT there is not one model or two, the folder is not empty, or images have under 16 pixels a side; and what
 *   `exportModel` throws. The folder is then as it was
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
    // The page last: whoever sees it sees all of it.
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
 * Makes the folder where there is none.
 *
 * @returns the outermost folder that was made, undefined where it was there
 * @throws ERR_EXPORT it holds something; ERR_WRITE
 */
function emptyFolder(folder: string): string | undefined {
  let made: string | undefined;
  try {
    made = mkdirSync(folder, { recursive: true });
    rmSync(join(folder, STAGING), { recursive: true, force: true });
  } catch (cause) {
    throw writeError(folder, cause);
  }
  if (readdirSync(folder).length > 0) {
    throw new UsageError(
      "ERR_EXPORT",
      `export: ${folder} must be a new or an empty folder. Choose another, or empty it`,
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
  assert(result.format === "onnx", "what was asked for was written");
  const { preprocessing, facts, from, notes, verification, bytes } = result;
  const { imageSize: side, cropFraction, interpolation, classes } = preprocessing;
  if (side < LEAST_SIDE) {
    throw new UsageError(
      "ERR_EXPORT",
      `export: the page corrupts images of at least ${LEAST_SIDE} pixels a side; those of ${model} have ${side}. ` +
        "Give a larger `imageSize`, or export an ONNX file",
    );
  }
  const { method, epsilon, accuracy } = facts;
  return {
    file,
    bytes,
    name: modelName(model),
    model: result.model,
    imageSize: side,
    view: { cropFraction, interpolation } as EvaluationView,
    classes: classes.map((name) => imagenetWords(name)?.split(", ")[0] ?? name),
    ...(method !== undefined && { method }),
    ...(epsilon !== undefined && { epsilon }),
    ...(accuracy !== undefined && { accuracy }),
    from,
    notes,
    verification,
  };
}
