/**
 * Checkpoints: everything that a resumed run needs, in one file that is replaced as a whole, so that no crash can leave
 * weights of one step beside counters of another. The JSON beside it says the same counters to people.
 */
import { existsSync, readFileSync } from "node:fs";
import { UsageError } from "../errors.js";
import type { Classifier, ModelSpecification } from "../models/classifier.js";
import { loadState, stateOf, toSafetensor } from "../models/weights.js";
import type { Optimizer } from "../optim/optimizer.js";
import { writeFileAtomic } from "../runs/atomic-file.js";
import { type CheckpointName, type RunDirectory, writeJson } from "../runs/run-directory.js";
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
  readonly best?: { readonly accuracy: number; readonly step: number };
}

/** What a run must have in common with the one that made a checkpoint to continue it bit for bit. */
export interface Reproducibility {
  readonly processor: string;
  readonly threads: number;
  readonly torch: string;
}

/** The optimiser's tensors lie beside the network's under this prefix. */
const OPTIMIZER = "optimizer.";
/** The key of the metadata that holds everything but tensors, as JSON. */
const METADATA = "advprop";

interface Metadata {
  readonly specification: ModelSpecification;
  readonly state: TrainingState;
  readonly reproducibility: Reproducibility;
}

/** What a weights file holds. */
export interface WeightsFile extends Metadata {
  readonly tensors: Map<string, SafetensorsTensor>;
  readonly optimizer: Map<string, SafetensorsTensor>;
}

/** Writes a checkpoint as a whole. @throws ERR_WRITE, and the earlier checkpoint of that name stays */
export function saveCheckpoint(
  run: RunDirectory,
  name: CheckpointName,
  contents: { model: Classifier; optimizer: Optimizer; state: TrainingState; reproducibility: Reproducibility },
): void {
  const { model, optimizer, state, reproducibility } = contents;
  const paths = run.checkpoint(name);
  const tensors = stateOf(model.network);
  for (const [key, tensor] of optimizer.state()) tensors.set(OPTIMIZER + key, toSafetensor(tensor));
  const metadata: Metadata = { specification: model.specification, state, reproducibility };
  writeFileAtomic(paths.weights, encodeSafetensors(tensors, { format: "pt", [METADATA]: JSON.stringify(metadata) }));
  writeJson(paths.state, metadata);
}

/**
 * Reads a checkpoint.
 *
 * @throws ERR_WEIGHTS_MISSING there is no such file; ERR_SAFETENSORS it is damaged; ERR_WEIGHTS it is not of this library
 */
export function readCheckpoint(path: string): WeightsFile {
  if (!existsSync(path)) {
    throw new UsageError("ERR_WEIGHTS_MISSING", `there is no checkpoint ${path}. Has the run written one yet?`);
  }
  const { tensors: all, metadata } = decodeSafetensors(readFileSync(path));
  if (metadata?.[METADATA] === undefined) {
    throw new UsageError("ERR_WEIGHTS", `${path} is not a checkpoint of a run: its metadata has no entry ${METADATA}`);
  }
  const tensors = new Map<string, SafetensorsTensor>();
  const optimizer = new Map<string, SafetensorsTensor>();
  for (const [name, tensor] of all) {
    if (name.startsWith(OPTIMIZER)) optimizer.set(name.slice(OPTIMIZER.length), tensor);
    else tensors.set(name, tensor);
  }
  return { ...(JSON.parse(metadata[METADATA]) as Metadata), tensors, optimizer };
}

/** Puts a checkpoint's tensors into a model and an optimiser of the same kind. @throws ERR_WEIGHTS they do not fit */
export function restore(file: WeightsFile, source: string, model: Classifier, optimizer: Optimizer): void {
  loadState(model.network.state(), file.tensors, source);
  loadState(optimizer.state(), file.optimizer, `${source} (optimiser)`);
}
