/**
 * Checkpoints. One file holds everything that a resumed run needs. It is replaced as a whole, so that no crash can leave the weights
 * of one step beside the counters of another. A JSON file beside it has the same counters for human readers.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { UsageError } from "../errors.js";
import { unrecordedView } from "../evaluation/view.js";
import type { Classifier, ModelSpecification } from "../models/classifier.js";
import { loadState, stateOf, toSafetensor } from "../models/weights.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { WeightAverage } from "../optim/weight-average.js";
import { keepAs, writeFileAtomic } from "../runs/atomic-file.js";
import { writeJson } from "../runs/run-directory.js";
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "../runs/safetensors.js";

/** The counters of a run. Random draws are keyed by them, so a resumed run needs only these counters and the tensors. */
export interface TrainingState {
  /** Number of updates done. */
  readonly step: number;
  /** The epoch in progress. */
  readonly epoch: number;
  /** Steps done in that epoch. */
  readonly stepInEpoch: number;
  /** Sum of each loss over the steps of the epoch. */
  readonly lossSums: Readonly<Record<string, number>>;
  /** The best validation so far. */
  readonly best?: { readonly accuracy: number; readonly step: number; readonly epoch: number };
}

/** A resumed run gives bit-identical results only if these values are the same as when the checkpoint was made. */
export interface Reproducibility {
  readonly processor: string;
  readonly threads: number;
  readonly torch: string;
  /** Number of processes that trained together; absent for a single process. */
  readonly ranks?: number;
}

/** Prefix of the optimiser's tensors. */
const OPTIMIZER = "optimizer.";
/** Prefix of the live weights of a run with a weight average. The average has the plain names, because evaluation uses it. */
const LIVE = "live.";
/** Metadata key of everything but the tensors, as JSON. */
const METADATA = "advprop";
/** Metadata key of the SHA-256 of everything else, see {@link checksum}. Files of earlier versions do not have it. */
const CHECKSUM = "sha256";

/** Whether a tensor of a checkpoint belongs to the network to evaluate, and not to the optimiser or to the live weights of an average. */
const isNetworkTensor = (name: string): boolean => !name.startsWith(OPTIMIZER) && !name.startsWith(LIVE);

interface Metadata {
  readonly specification: ModelSpecification;
  readonly state: TrainingState;
  readonly reproducibility: Reproducibility;
}

/** The contents of a weights file. */
export interface WeightsFile extends Metadata {
  /** Whether it records how photos are cropped. If not, the specification has {@link unrecordedView}. */
  readonly viewRecorded: boolean;
  /** The weights to evaluate: the average if the run keeps one, else the live ones. */
  readonly tensors: Map<string, SafetensorsTensor>;
  /** The live weights of a run that keeps an average. */
  readonly live: Map<string, SafetensorsTensor>;
  readonly optimizer: Map<string, SafetensorsTensor>;
}

/** The parts of a run that training changes, apart from its counters. */
export interface TrainedParts {
  readonly model: Classifier;
  readonly optimizer: Optimizer;
  readonly average?: WeightAverage;
}

/** The files of a checkpoint: its tensors, and its counters for human readers. */
export interface CheckpointFiles {
  readonly weights: string;
  readonly state: string;
  /** New name of the previous checkpoint, if it is kept. */
  readonly previous?: string;
}

/**
 * Writes a checkpoint as a whole.
 *
 * @throws ERR_WRITE a file cannot be written; the earlier checkpoint of that name stays
 */
export function saveCheckpoint(
  files: CheckpointFiles,
  contents: TrainedParts & { readonly state: TrainingState; readonly reproducibility: Reproducibility },
): void {
  const { model, optimizer, average, state, reproducibility } = contents;
  const tensors = stateOf(average?.twin ?? model.network);
  if (average !== undefined) for (const [key, tensor] of stateOf(model.network)) tensors.set(LIVE + key, tensor);
  for (const [key, tensor] of optimizer.state()) tensors.set(OPTIMIZER + key, toSafetensor(tensor));
  const metadata: Metadata = { specification: model.specification, state, reproducibility };
  const text = JSON.stringify(metadata);
  const pieces = encodeSafetensors(tensors, {
    format: "pt",
    [METADATA]: text,
    [CHECKSUM]: checksum(tensors, text),
  });
  if (files.previous !== undefined && existsSync(files.weights)) keepAs(files.weights, files.previous);
  writeFileAtomic(files.weights, pieces);
  writeJson(files.state, metadata);
}

/** SHA-256 of the metadata and of each tensor's name, dtype, shape and bytes, sorted by name. */
function checksum(tensors: ReadonlyMap<string, SafetensorsTensor>, metadata: string): string {
  const hash = createHash("sha256").update(metadata);
  for (const [name, { dtype, shape, data }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([name, dtype, shape])).update(data);
  }
  return hash.digest("hex");
}

/**
 * Reads a checkpoint.
 *
 * @throws ERR_WEIGHTS_MISSING there is no such file; ERR_SAFETENSORS, ERR_CHECKPOINT_DAMAGED the file is damaged; ERR_WEIGHTS the
 *   file is not a checkpoint of this library
 */
export function readCheckpoint(path: string): WeightsFile {
  if (!existsSync(path)) {
    throw new UsageError("ERR_WEIGHTS_MISSING", `there is no checkpoint ${path}. Has the run written one yet?`);
  }
  const { tensors: all, metadata } = decodeSafetensors(readFileSync(path), path);
  if (metadata[METADATA] === undefined) {
    throw new UsageError("ERR_WEIGHTS", `${path} is not a checkpoint of a run: its metadata has no entry ${METADATA}`);
  }
  if (metadata[CHECKSUM] !== undefined && metadata[CHECKSUM] !== checksum(all, metadata[METADATA])) {
    throw new UsageError(
      "ERR_CHECKPOINT_DAMAGED",
      `${path} is damaged: its contents do not match its checksum. Use another checkpoint; ` +
        "a resumed run continues from the checkpoint before it",
    );
  }
  const below = (prefix: string) =>
    new Map(
      Array.from(all).flatMap(([name, one]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), one]] : [])),
    );
  const tensors = new Map(Array.from(all).filter(([name]) => isNetworkTensor(name)));
  const written = parseMetadata(metadata[METADATA], path);
  const { view } = written.specification as Partial<ModelSpecification>;
  return {
    ...written,
    specification: { ...written.specification, view: view ?? unrecordedView(written.specification.imageSize) },
    viewRecorded: view !== undefined,
    tensors,
    live: below(LIVE),
    optimizer: below(OPTIMIZER),
  };
}

function parseMetadata(text: string, path: string): Metadata {
  try {
    const metadata = JSON.parse(text) as Metadata;
    if (typeof metadata.specification.name === "string") return metadata;
  } catch {}
  throw new UsageError("ERR_WEIGHTS", `${path}: the entry ${METADATA} of its metadata does not describe the network`);
}

/** Copies a checkpoint's tensors into the parts of a run. @throws ERR_WEIGHTS they do not fit */
export function restore(file: WeightsFile, source: string, { model, optimizer, average }: TrainedParts): void {
  if (average !== undefined) loadState(average.twin.state(), file.tensors, `${source} (average)`);
  loadState(model.network.state(), average === undefined ? file.tensors : file.live, source);
  loadState(optimizer.state(), file.optimizer, `${source} (optimiser)`);
}
