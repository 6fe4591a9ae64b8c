/** Common options of all evaluations. */
import type { BadImagePolicy } from "../../data/photos/bad-photos.js";
import type { OnnxOptions } from "../../predictors/onnx/onnx-settings.js";
import { openPredictor } from "../../predictors/open.js";
import type { OpenedPredictor, OpenPredictorOptions } from "../../predictors/opened.js";
import { changeRecipe, resolveRecipe } from "../../recipes/resolve.js";
import type { Recipe, ResolvedRecipe } from "../../recipes/schema.js";
import { type EvaluationData, type EvaluationSplit, openEvaluationData } from "./data.js";
import { downloads, type EvaluationEvent } from "./events.js";

export interface EvaluationOptions {
  /** Folder of the images, or shapes; by default the data of the run. `evaluateSuite` also takes a corrupted set. */
  readonly data?: string;
  /** By default test, or all for a folder without splits that the run was not trained on. */
  readonly split?: EvaluationSplit;
  /** For a run: last, best or the step of a kept checkpoint; by default best if there is one, else last. */
  readonly checkpoint?: string;
  /** The batch norm route of one of our models; by default main. */
  readonly route?: string;
  /** Settings that an ONNX file does not contain. */
  readonly onnx?: OnnxOptions;
  /** A JSON or YAML file that says which classes of the model belong to each folder. */
  readonly classMap?: string;
  /** For photos: share of a photo's short side that the crop keeps, in (0, 1]; by default the model's rule. */
  readonly cropFraction?: number;
  /** Number of images to use; by default all, but 1000 under a costly attack. */
  readonly limitTest?: number;
  /** Seed of the draws of attacks and corruptions; by default 0. */
  readonly seed?: number;
  /** For photos: what to do if one cannot be decoded; by default as in the run's recipe, else fail. */
  readonly onBadImage?: "fail" | "skip";
  /** For photos: largest number to skip; by default 100. */
  readonly maxBad?: number;
  /** For photos: threads that read them; by default one per core, at most four unless UV_THREADPOOL_SIZE is set. */
  readonly workers?: number | null;
  /** Threads per operator, for the whole process; by default 0, all cores. */
  readonly threads?: number;
  /** Number format of the activations of our models; by default fp32. This, `device` and `memoryLimit` are refused if all models are ONNX files. */
  readonly precision?: "fp32" | "bf16";
  /** Device of our models: auto, cpu, cuda or cuda:N; by default auto, the CPU. */
  readonly device?: Recipe["device"];
  /** Largest memory for all tensors of the process, in bytes or as "12GB". */
  readonly memoryLimit?: Recipe["memoryLimit"];
  /** The command that is recorded in the result; by default none. */
  readonly command?: readonly string[];
  /** Called with every event. */
  readonly onEvent?: (event: EvaluationEvent) => void;
}

/** Device, precision, memory and threads, and what to do with photos that cannot be read. */
export interface Machine extends Pick<ResolvedRecipe, "threads" | "precision" | "device"> {
  readonly memoryLimit: number | undefined;
  readonly workers: number | null;
  readonly badImages: BadImagePolicy;
}

/** @throws UsageError ERR_SETTING a value breaks its rule; the message lists all mistakes */
export function machineOf(options: Omit<EvaluationOptions, "onEvent">): Machine {
  const { seed, threads, precision, device, memoryLimit, workers, limitTest, onBadImage, maxBad } = options;
  const values = { seed, threads, precision, device, memoryLimit };
  const ofData = {
    "data.workers": workers,
    "data.limitTest": limitTest,
    "data.onBadImage": onBadImage,
    "data.maxBad": maxBad,
  };
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

/** Opens a model, and reports what was recognised and chosen. */
export async function openModel(
  path: string,
  { checkpoint, route, onnx, onEvent, ...given }: EvaluationOptions,
  { threads, precision, device, memoryLimit }: Machine,
): Promise<OpenedPredictor> {
  // Only what is given, because an ONNX file takes no more than the threads.
  const computing: OpenPredictorOptions = {
    threads,
    precision: given.precision && precision,
    device: given.device && device,
    memoryLimit: given.memoryLimit == null ? undefined : memoryLimit,
  };
  const opened = await openPredictor(path, { checkpoint, route, onnx, ...computing, onProgress: downloads(onEvent) });
  for (const message of opened.notes) onEvent?.({ type: "note", message, warning: false });
  return opened;
}

/** Opens the images for a model: the given ones, else those of its run. @throws what `openEvaluationData` throws */
export const openImages = (
  { run, imageSize, view }: Pick<OpenedPredictor, "run" | "imageSize" | "view">,
  options: Pick<EvaluationOptions, "data" | "split" | "cropFraction" | "limitTest">,
  { workers, badImages }: Pick<Machine, "workers" | "badImages">,
): Promise<EvaluationData> => openEvaluationData({ ...options, run, imageSize, view, workers, badImages });
