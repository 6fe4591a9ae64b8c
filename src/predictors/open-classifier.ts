/** A predictor over a checkpoint or an exported weights file. */
import { UsageError } from "../errors.js";
import { createClassifier } from "../models/registry.js";
import { loadState } from "../models/weights.js";
import { MAIN_ROUTE } from "../nn/context.js";
import type { ModelArgument } from "../runs/model-argument.js";
import { resolveDevice, setMemoryLimit, setThreads } from "../tensor/index.js";
import { readCheckpoint } from "../training/checkpoint.js";
import { classifierPredictor } from "./classifier-predictor.js";
import type { OpenPredictorOptions } from "./open.js";
import { modelName, type WhiteBoxPredictor } from "./opened.js";

/** @throws ERR_DEVICE there is no such device; ERR_WEIGHTS_MISSING, ERR_SAFETENSORS, ERR_WEIGHTS it cannot be read; ERR_ROUTE it has no such route */
export function openClassifier({ run, weights }: ModelArgument, options: OpenPredictorOptions): WhiteBoxPredictor {
  const { route = MAIN_ROUTE, threads = 0, precision = "fp32", device = "auto", memoryLimit } = options;
  setThreads(threads);
  setMemoryLimit(memoryLimit);
  const { specification, viewRecorded, tensors } = readCheckpoint(weights);
  const classifier = createClassifier(specification.name, specification).initialize(
    0,
    precision === "bf16" ? "bfloat16" : "float32",
    resolveDevice(device),
  );
  try {
    loadState(classifier.network.state(), tensors, weights);
    if (!classifier.routes.includes(route)) {
      const known = classifier.routes.join(", ");
      throw new UsageError("ERR_ROUTE", `evaluate: --route must be one of ${known}; got ${route}`);
    }
  } catch (error) {
    classifier.dispose();
    throw error;
  }
  return {
    ...classifierPredictor(classifier, { route }),
    access: "white-box",
    name: modelName(run ?? weights),
    file: weights,
    run,
    view: specification.view,
    viewRecorded,
    classifier,
    route,
    close: async () => classifier.dispose(),
  };
}
