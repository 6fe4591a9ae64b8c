/** A classifier with given weights. */
import type { SafetensorsTensor } from "../runs/safetensors.js";
import type { Device, DType } from "../tensor/index.js";
import type { Classifier, ModelSpecification } from "./classifier.js";
import { createClassifier } from "./registry.js";
import { loadState } from "./weights.js";

/** The contents of a weights file. */
export interface StoredClassifier {
  readonly specification: ModelSpecification;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
}

/**
 * Makes the network and loads the weights into it. No random numbers are drawn.
 *
 * @param source file or address of the weights, for messages
 * @throws ERR_MODEL, ERR_CLASSES, ERR_DEVICE; ERR_WEIGHTS a name or a shape does not fit
 */
export function loadedClassifier(
  { specification, tensors }: StoredClassifier,
  source: string,
  dtype: DType = "float32",
  device: Device = "cpu",
): Classifier {
  const classifier = createClassifier(specification.name, specification).initialize(undefined, dtype, device);
  try {
    loadState(classifier.network.state(), tensors, source);
  } catch (error) {
    classifier.dispose();
    throw error;
  }
  return classifier;
}
