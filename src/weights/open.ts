/** Opens weights of this or another code base with the specification of their network. */
import { rmSync } from "node:fs";
import { AdvPropError, checkText, UsageError } from "../errors.js";
import type { ModelSpecification } from "../models/classifier.js";
import { resolveModel } from "../runs/model-argument.js";
import type { SafetensorsTensor } from "../runs/safetensors.js";
import { readStateFile } from "../torch-files/state-file.js";
import { readCheckpoint } from "../training/checkpoint.js";
import { type ForeignOptions, foreignWeights } from "./foreign.js";
import type { PresetName } from "./preset-names.js";
import { type FetchOptions, isRemote, localFile } from "./reference.js";

export interface OpenWeightsOptions extends ForeignOptions, FetchOptions {
  /** For a run's folder: last, best or the step of a kept checkpoint. By default best if it exists, else last. */
  readonly checkpoint?: string;
}

/** Weights with the specification to build their network: `createClassifier(specification.name, specification)`. */
export interface OpenedWeights {
  readonly specification: ModelSpecification;
  /** By the names of the network. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** Whether the file records how photos are cropped. Otherwise the default is used. */
  readonly viewRecorded: boolean;
  /** For weights of another code base: the name of their normalisation. */
  readonly preset?: PresetName;
  /** The weights file. */
  readonly file: string;
  /** The run's folder, if the reference is a run. */
  readonly run: string | undefined;
  /** Sentences that tell the user what was recognised and chosen. For weights of advprop only that the parts of the run have changed. */
  readonly notes: readonly string[];
}

/**
 * Opens weights by a reference. It can be a run's folder; a safetensors file of advprop; a safetensors, `.pth`, `.pt`, `.th` or
 * `.pth.tar` file of timm, torchvision, efficientnet_pytorch or a code base with auxiliary norms; an https address; or
 * `hf:OWNER/NAME[/FILE]`.
 *
 * Remote files are downloaded once: see {@link localFile}. Code in a file is never run.
 *
 * @throws ERR_ARGUMENT the reference is not text; ERR_WEIGHTS_MISSING, ERR_SAFETENSORS, ERR_TORCH_FILE the file cannot be read; ERR_WEIGHTS it fits no network, or
 *   is an advprop file of another model than requested; ERR_RUN_MISSING, ERR_RUN_SCHEMA, ERR_CHECKPOINT the run cannot be
 *   read; ERR_REFERENCE, ERR_NETWORK, ERR_DOWNLOAD, ERR_WRITE it cannot be downloaded; ERR_PRESET the preset is unknown, or
 *   the file records its own normalisation
 */
export async function openWeights(reference: string, options: OpenWeightsOptions = {}): Promise<OpenedWeights> {
  checkText(reference, "the weights, a path or an address,");
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

/** Whether the file itself is damaged, which another download can solve. */
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
      `${file}: advprop's weights record their own normalisation; leave \`preset\` out`,
    );
  }
  return { specification, viewRecorded, tensors };
}
