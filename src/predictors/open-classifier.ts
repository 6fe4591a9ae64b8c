/** A predictor over a run, or weights of ours or of another code base. */
import { UsageError } from "../errors.js";
import { createClassifier } from "../models/registry.js";
import { loadState } from "../models/weights.js";
import { MAIN_ROUTE } from "../nn/context.js";
import { resolveDevice, setMemoryLimit, setThreads } from "../tensor/index.js";
import { openWeights } from "../weights/open.js";
import { classifierPredictor } from "./classifier-predictor.js";
import type { OpenPredictorOptions } from "./open.js";
import { modelName, type WhiteBoxPredictor } from "./opened.js";

/** @throws ERR_DEVICE there is no such device; ERR_ROUTE it has no such route; and what {@link openWeights} throws */
export async function openClassifier(reference: string, options: OpenPredictorOptions): Promise<WhiteBoxPredictor> {
  const { route = MAIN_ROUTE, threads = 0, precision = "fp32", device = "auto", memoryLimit } = options;
  setThreads(threads);
  setMemoryLimit(memoryLimit);
  const { checkpoint, onProgress } = options;
  const { specification, viewRecorded, tensors, file, run, notes } = await openWeights(reference, {
    checkpoint,
    onProgress,
  });
  const classifier = createClassifier(specification.name, specification).initialize(
    0,
    precision === "bf16" ? "bfloat16" : "float32",
    resolveDevice(device),
  );
  try {
    loadState(classifier.network.state(), tensors, file);
    if (!classifier.routes.includes(route)) {
      const known = classifier.routes.join(", ");
      throw new UsageError("ERR_ROUTE", `evaluate: \`route\` must be one of ${known}; got ${route}`);
    }
  } catch (error) {
    classifier.dispose();
    throw error;
  }
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
