/**
 * Checkpoints: everything that a resumed run needs, in one file that is replaced as a whole, so that no crash can leave
 * weights of one step beside counters of another. The JSON beside it says the same counters to people.
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

/** Where a run stands. Every random draw is keyed, so counters are all that a resume needs beside the tensors. */
export interface TrainingState {
  /** Updates done. */
  readonly step: number;
  /** The epoch in progress. */
  readonly epoch: number;
  /** Steps done in that epoch. */
  readonly stepInEpoch: number;
  /** Sums over the epoch's steps of each loss. */
  readonly lossSums: Readonly<Record<string, number>>;
  /** The best validation so far. */
  readonly best?: { readonly accuracy: number; readonly step: number; readonly epoch: number };
}

/** What a run must have in common with the one that made a checkpoint to continue it bit for bit. */
export interface Reproducibility {
  readonly processor: string;
  readonly threads: number;
  readonly torch: string;
  /** Processes that trained together; absent for one by itself. */
  readonly ranks?: number;
}

/** The optimiser's tensors lie beside the network's under this prefix. */
const OPTIMIZER = "optimizer.";
/** Where there is an average it has the network's names, as what evaluation wants; the live weights have this prefix. */
const LIVE = "live.";
/** The key of the metadata that holds everything but tensors, as JSON. */
const METADATA = "advprop";
/** The key of the metadata that holds the SHA-256 of everything else, see {@link checksum}; files of earlier versions have none. */
const CHECKSUM = "sha256";

/** Whether a tensor of a checkpoint is of the network to evaluate, neither the optimiser's nor of the live weights beside an average. */
export const isNetworkTensor = (name: string): boolean => !name.startsWith(OPTIMIZER) && !name.startsWith(LIVE);

interface Metadata {
  readonly specification: ModelSpecification;
  readonly state: TrainingState;
  readonly reproducibility: Reproducibility;
}

/** What a weights file holds. */
export interface WeightsFile extends Metadata {
  /** Whether it says how photos are cut; where it does not, the specification has {@link unrecordedView}. */
  readonly viewRecorded: boolean;
  /** The weights to evaluate: the average where the run keeps one, else the live ones. */
  readonly tensors: Map<string, SafetensorsTensor>;
  /** The live weights of a run that keeps an average. */
  readonly live: Map<string, SafetensorsTensor>;
  readonly optimizer: Map<string, SafetensorsTensor>;
}

/** What training changes, beside its counters. */
export interface TrainedParts {
  readonly model: Classifier;
  readonly optimizer: Optimizer;
  readonly average?: WeightAverage;
}

/** Where a checkpoint lies: its tensors, and its counters for people. */
export interface CheckpointFiles {
  readonly weights: string;
  readonly state: string;
  /** The name that the checkpoint which is replaced gets, where it is kept. */
  readonly previous?: string;
}

/**
 * Writes a checkpoint as a whole.
 *
 * @throws ERR_WRITE, and the earlier checkpoint of that name stays
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

/** SHA-256 of the metadata and of each tensor's name, dtype, shape and bytes, in the order of the names. */
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
 * @throws ERR_WEIGHTS_MISSING there is no such file; ERR_SAFETENSORS, ERR_CHECKPOINT_DAMAGED it is damaged; ERR_WEIGHTS it is
 *   not of this library
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
      `${path} is damaged: its contents do not have the checksum that was written with them. Take another checkpoint; ` +
        "a run that is resumed goes on from the checkpoint before it",
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
  throw new UsageError(
    "ERR_WEIGHTS",
    `${path}: the entry ${METADATA} of its metadata does not say what the weights are`,
  );
}

/** Puts a checkpoint's tensors into parts of the same kind. @throws ERR_WEIGHTS they do not fit */
export function restore(file: WeightsFile, source: string, { model, optimizer, average }: TrainedParts): void {
  if (average !== undefined) loadState(average.twin.state(), file.tensors, `${source} (average)`);
  loadState(model.network.state(), average === undefined ? file.tensors : file.live, source);
  loadState(optimizer.state(), file.optimizer, `${source} (optimiser)`);
}
