/**
 * Exports and imports weights as safetensors. In Python an exported file is an ordinary checkpoint with the names of timm or
 * torchvision: `model.load_state_dict(safetensors.torch.load_file(path))`.
 */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { UsageError } from "../errors.js";
import { unrecordedView } from "../evaluation/view.js";
import { INTERPOLATIONS } from "../images/resize.js";
import type { Classifier, ModelSpecification } from "../models/classifier.js";
import { stateOf } from "../models/weights.js";
import { isAuxiliary } from "../nn/routed-batch-norm.js";
import { writeFileAtomic } from "../runs/atomic-file.js";
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "../runs/safetensors.js";
import { PREPROCESSING_ENTRY, preprocessingOf } from "./preprocessing.js";

/** The entry of the file's metadata that describes the weights as JSON, as in a checkpoint. */
const METADATA = "advprop";

/** Known facts about the training of the weights. */
export interface TrainingFacts {
  /** The training method, for example "advprop". */
  readonly method?: string;
  /** Radius of the attack, or of the noise, in pixels of [0, 1]; absent where the method has neither. */
  readonly epsilon?: number;
  /** The norm of `epsilon`; absent for L-infinity. */
  readonly norm?: "l2";
}

export interface ExportOptions {
  /** Whether to write the norms of the auxiliary routes too, as `<bn>.aux_bn.<k>.*`, where k is the route's index in `routes`. */
  readonly auxiliary: boolean;
  readonly metadata?: TrainingFacts;
}

/** The contents of an exported file. */
export interface ImportedWeights {
  /**
   * Enough to build the network again. Its routes are those of the file. If the file has no crop rule, it is {@link
   * unrecordedView}.
   */
  readonly specification: ModelSpecification;
  readonly metadata: TrainingFacts;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
}

/**
 * Writes a classifier's parameters and running statistics bit for bit. The metadata has `format` "pt" and `advprop`, the JSON of
 * { specification: { name, classes, routes, normalization, imageSize, view }, method, epsilon, norm }. For other programs it also has
 * `advprop.preprocessing`, the JSON of a `Preprocessing`.
 *
 * @throws RunError ERR_WRITE the file cannot be written; an existing file with that name is not changed then
 */
export function exportWeights(classifier: Classifier, path: string, { auxiliary, metadata = {} }: ExportOptions): void {
  const { specification, network } = classifier;
  const tensors = stateOf(network);
  if (!auxiliary) {
    for (const name of [...tensors.keys()].filter(isAuxiliary)) tensors.delete(name);
  }
  const written = { specification: auxiliary ? specification : { ...specification, routes: [] }, ...metadata };
  const entries = {
    format: "pt",
    [METADATA]: JSON.stringify(written),
    [PREPROCESSING_ENTRY]: JSON.stringify(preprocessingOf(specification)),
  };
  writeFileAtomic(path, encodeSafetensors(tensors, entries));
}

const channels = z.tuple([z.number(), z.number(), z.number()]);
const metadataSchema = z.object({
  specification: z.object({
    name: z.string(),
    classes: z.array(z.string()),
    routes: z.array(z.string()),
    normalization: z.object({ mean: channels, deviation: channels }),
    imageSize: z.int().positive(),
    view: z.object({ cropFraction: z.number().positive().max(1), interpolation: z.enum(INTERPOLATIONS) }).optional(),
  }),
  method: z.string().optional(),
  epsilon: z.number().optional(),
  norm: z.literal("l2").optional(),
});

/**
 * Reads a file of {@link exportWeights}. Build the network with `createClassifier(specification.name, specification)` and
 * fill it with `loadState`, or start another classifier from it with `transferWeights`.
 *
 * @throws ERR_WEIGHTS_MISSING the file does not exist; ERR_SAFETENSORS it is damaged; ERR_WEIGHTS its metadata does not
 *   describe the weights
 */
export function importWeights(path: string): ImportedWeights {
  if (!existsSync(path))
    throw new UsageError("ERR_WEIGHTS_MISSING", `there is no weights file ${path}. Check the path`);
  const { tensors, metadata } = decodeSafetensors(readFileSync(path), path);
  const { specification, ...training } = parseMetadata(metadata[METADATA], path);
  const { view = unrecordedView(specification.imageSize) } = specification;
  return { specification: { ...specification, view }, metadata: training, tensors };
}

function parseMetadata(text: string | undefined, path: string): z.output<typeof metadataSchema> {
  const refuse = (reason: string): never => {
    throw new UsageError("ERR_WEIGHTS", `${path} was not exported by advprop: ${reason}. Make it with: advprop export`);
  };
  if (text === undefined) return refuse(`its metadata has no entry ${METADATA}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse(`the entry ${METADATA} of its metadata is not JSON`);
  }
  const { success, data, error } = metadataSchema.safeParse(value);
  if (!success) return refuse(`in its metadata, ${error.issues[0].path.join(".")}: ${error.issues[0].message}`);
  return data;
}
