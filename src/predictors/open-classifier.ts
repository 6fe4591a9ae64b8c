/** Opens a run, or weights of advprop or of another code base, as a predictor. */
import { UsageError } from "../errors.js";
import { loadedClassifier } from "../models/loaded.js";
import { MAIN_ROUTE } from "../nn/context.js";
import { resolveDevice, setMemoryLimit, setThreads } from "../tensor/index.js";
import { openWeights } from "../weights/open.js";
import { classifierPredictor } from "./classifier-predictor.js";
import type { OpenPredictorOptions } from "./opened.js";
import { modelName, type WhiteBoxPredictor } from "./opened.js";

/** @throws ERR_DEVICE the device does not exist; ERR_ROUTE the model has no such route; and what {@link openWeights} throws */
export async function openClassifier(reference: string, options: OpenPredictorOptions): Promise<WhiteBoxPredictor> {
  const { route = MAIN_ROUTE, threads = 0, precision = "fp32", device = "auto", memoryLimit } = options;
  setThreads(threads);
  setMemoryLimit(memoryLimit);
  const { checkpoint, onProgress } = options;
  const opened = await openWeights(reference, { checkpoint, onProgress });
  const { specification, viewRecorded, file, run, notes } = opened;
  const routes = [MAIN_ROUTE, ...specification.routes];
  if (!routes.includes(route)) {
    throw new UsageError("ERR_ROUTE", `\`route\` must be one of ${routes.join(", ")}; got ${route}`);
  }
  const dtype = precision === "bf16" ? "bfloat16" : "float32";
  const classifier = loadedClassifier(opened, file, dtype, resolveDevice(device));
  return {
    ...classifierPredictor(classifier, { route }),
    access: "white-box",
    name: modelName(run ?? file),
    file,
    notes,
    run,
    view: specification.view,
    viewRecorded,
    classifier,
    route,
    close: async () => classifier.dispose(),
  };
}
