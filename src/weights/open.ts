/** Any weights, ours or another code base's, with what they are of. */
import { rmSync } from "node:fs";
import { AdvPropError, UsageError } from "../errors.js";
import type { ModelSpecification } from "../models/classifier.js";
import { resolveModel } from "../runs/model-argument.js";
import type { SafetensorsTensor } from "../runs/safetensors.js";
import { readStateFile } from "../torch-files/state-file.js";
import { readCheckpoint } from "../training/checkpoint.js";
import { type ForeignOptions, foreignWeights } from "./foreign.js";
import type { PresetName } from "./preset-names.js";
import { type FetchOptions, isRemote, localFile } from "./reference.js";

export interface OpenWeightsOptions extends ForeignOptions, FetchOptions {
  /** Of a run's folder: last, best or the step of a kept checkpoint; by default best where there is one, else last. */
  readonly checkpoint?: string;
}

/** Weights with enough to build their network: `createClassifier(specification.name, specification)`. */
export interface OpenedWeights {
  readonly specification: ModelSpecification;
  /** Under the network's names. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** Whether the weights say how photos are cut, or only the default stands for it. */
  readonly viewRecorded: boolean;
  /** Of weights of another code base: how their images are normalised, by its name. */
  readonly preset?: PresetName;
  /** The file that they are of. */
  readonly file: string;
  /** The run's folder where it is one. */
  readonly run: string | undefined;
  /** What was recognised and chosen, for the user: sentences. Of our own weights only that their parts have changed. */
  readonly notes: readonly string[];
}

/**
 * Opens weights by a reference: a run's folder; a safetensors file of ours; a safetensors, `.pth`, `.pt`, `.th` or `.pth.tar` file of
 * timm, torchvision, efficientnet_pytorch or of a code base with auxiliary norms; an https address; `hf:OWNER/NAME[/FILE]`.
 *
 * Files from elsewhere are downloaded once: see {@link localFile}. Nothing of a file is ever run.
 *
 * @throws ERR_WEIGHTS_MISSING, ERR_SAFETENSORS, ERR_TORCH_FILE the file cannot be read; ERR_WEIGHTS it fits no network, or it is ours and
 *   not of the model asked for; ERR_RUN_MISSING, ERR_RUN_SCHEMA, ERR_CHECKPOINT the run cannot be read; ERR_REFERENCE, ERR_NETWORK,
 *   ERR_DOWNLOAD, ERR_WRITE it cannot be brought here; ERR_PRESET there is no such preset, or the weights say themselves what they want
 */
export async function openWeights(reference: string, options: OpenWeightsOptions = {}): Promise<OpenedWeights> {
  const path = await localFile(reference, options);
  const { run, weights: file, notes } = resolveModel("weights", path, options.checkpoint);
  try {
    const state = run === undefined ? await readStateFile(file) : undefined;
    if (state !== undefined && state.metadata.advprop === undefined) {
      return { ...foreignWeights(state, file, options), viewRecorded: true, file, run };
    }
    return { ...ourWeights(file, options), file, run, notes };
  } catch (error) {
    if (!isRemote(reference) || !isDamage(error)) throw error;
    rmSync(path, { force: true });
    throw new UsageError(error.code, `${error.message} It came from ${reference}, and was removed from the cache.`);
  }
}

/** What is wrong with the file itself, which a second download may mend. */
const isDamage = (error: unknown): error is AdvPropError =>
  error instanceof AdvPropError && ["ERR_SAFETENSORS", "ERR_TORCH_FILE"].includes(error.code);

function ourWeights(file: string, { model, preset }: OpenWeightsOptions) {
  const { specification, viewRecorded, tensors } = readCheckpoint(file);
  if (model !== undefined && model !== specification.name) {
    throw new UsageError("ERR_WEIGHTS", `${file}: the weights are of ${specification.name}; got \`model: ${model}\``);
  }
  if (preset !== undefined) {
    throw new UsageError(
      "ERR_PRESET",
      `${file}: weights of ours say themselves how images are normalised; leave \`preset\` out`,
    );
  }
  return { specification, viewRecorded, tensors };
}
