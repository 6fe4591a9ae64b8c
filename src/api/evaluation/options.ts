/** What the calls that evaluate have in common. */
import type { BadImagePolicy } from "../../data/photos/bad-photos.js";
import type { OnnxOptions } from "../../predictors/onnx/onnx-settings.js";
import { openPredictor } from "../../predictors/open.js";
import type { OpenedPredictor, OpenPredictorOptions } from "../../predictors/opened.js";
import { changeRecipe, resolveRecipe } from "../../recipes/resolve.js";
import type { Recipe, ResolvedRecipe } from "../../recipes/schema.js";
import { type EvaluationData, type EvaluationSplit, openEvaluationData } from "./data.js";
import { downloads, type EvaluationEvent } from "./events.js";

export interface EvaluationOptions {
  /** Folder of the images, a corrupted set, or shapes; by default the images that the run was trained on. */
  readonly data?: string;
  /** By default test, and all of a folder without parts that the run was not trained on. */
  readonly split?: EvaluationSplit;
  /** Of a run: last, best or the step of a kept checkpoint; by default best where there is one, else last. */
  readonly checkpoint?: string;
  /** The batch norms that one of our models goes through; by default main. */
  readonly route?: string;
  /** What an ONNX file does not say of itself. */
  readonly onnx?: OnnxOptions;
  /** A JSON or YAML file: the classes of the model that each folder stands for. */
  readonly classMap?: string;
  /** Share of the short side that is cut out of photos, in (0, 1]; by default the model's rule. */
  readonly cropFraction?: number;
  /** Only so many images; by default all, 1000 under a costly attack. */
  readonly limitTest?: number;
  /** Of the draws of attacks and corruptions; by default 0. */
  readonly seed?: number;
  /** Whether photos that cannot be decoded are refused or skipped; by default as the run has it, else refused. */
  readonly onBadImage?: "fail" | "skip";
  /** Most photos that are skipped; by default 100. */
  readonly maxBad?: number;
  /** Threads that read photos; by default one a core. */
  readonly workers?: number | null;
  /** Threads in an operator; by default 0, all cores. */
  readonly threads?: number;
  /** Of the activations of our models; by default fp32. */
  readonly precision?: "fp32" | "bf16";
  /** Where our models compute: auto, cpu, cuda or cuda:N; by default auto, the CPU. */
  readonly device?: Recipe["device"];
  /** Most memory for the tensors of our models, in bytes or as "12GB". */
  readonly memoryLimit?: Recipe["memoryLimit"];
  /** The command that is noted in the result; by default none. */
  readonly command?: readonly string[];
  /** Told of everything that happens. */
  readonly onEvent?: (event: EvaluationEvent) => void;
}

/** Where and how exactly to compute, and what is done about photos that cannot be read. */
export interface Machine extends Pick<ResolvedRecipe, "threads" | "precision" | "device"> {
  readonly memoryLimit: number | undefined;
  readonly workers: number | null;
  readonly badImages: BadImagePolicy;
}

/** @throws UsageError ERR_SETTING a value breaks its rule; all of them are listed */
export function machineOf(options: EvaluationOptions): Machine {
  const { threads, precision, device, memoryLimit, workers, onBadImage, maxBad } = options;
  const values = { threads, precision, device, memoryLimit };
  const ofData = { "data.workers": workers, "data.onBadImage": onBadImage, "data.maxBad": maxBad };
  const changes = Object.entries({ ...values, ...ofData }).map(([path, value]) => ({ path, value }));
  const given = changes.filter(({ value }) => value !== undefined);
  const recipe = resolveRecipe(changeRecipe({}, given));
  return {
    threads: recipe.threads,
    precision: recipe.precision,
    device: recipe.device,
    memoryLimit: recipe.memoryLimit ?? undefined,
    workers: recipe.data.workers,
    badImages: { ...(onBadImage !== undefined && { onBadImage }), ...(maxBad !== undefined && { maxBad }) },
  };
}

/** Opens a model, and says what was recognised and chosen. */
export async function openModel(
  path: string,
  { checkpoint, route, onnx, onEvent }: EvaluationOptions,
  { threads, precision, device, memoryLimit }: Machine,
): Promise<OpenedPredictor> {
  const computing: OpenPredictorOptions = { threads, precision, device, memoryLimit };
  const opened = await openPredictor(path, { checkpoint, route, onnx, ...computing, onProgress: downloads(onEvent) });
  for (const message of opened.notes) onEvent?.({ type: "note", message, warning: false });
  return opened;
}

/** Opens the images for a model: those that are asked for, else its run's own. @throws what `openEvaluationData` throws */
export const openImages = (
  { run, imageSize, view }: Pick<OpenedPredictor, "run" | "imageSize" | "view">,
  options: Pick<EvaluationOptions, "data" | "split" | "cropFraction" | "limitTest">,
  { workers, badImages }: Pick<Machine, "workers" | "badImages">,
): Promise<EvaluationData> => openEvaluationData({ ...options, run, imageSize, view, workers, badImages });
