/** Weights of other code bases as ours: recognised, renamed, checked, and with what they want to be fed. */
import { UsageError } from "../errors.js";
import type { ModelSpecification } from "../models/classifier.js";
import { architecture } from "../models/registry.js";
import type { SafetensorsTensor } from "../runs/safetensors.js";
import type { StateFile } from "../torch-files/state-file.js";
import { classNames } from "./class-names.js";
import { firstCount, toCount, toFloat32 } from "./elements.js";
import { COUNTER } from "./layout.js";
import { PRESET_NAMES, type PresetName } from "./preset-names.js";
import { describePreset, presetOf, usualPreset } from "./presets.js";
import { findPublished } from "./published.js";
import { type Recognized, recognize } from "./recognize.js";

export interface ForeignOptions {
  /** The network's name; by default it is found by the tensors. */
  readonly model?: string;
  /** By default what is published with the file, what its name says, or what is usual for its family. */
  readonly preset?: PresetName;
}

export interface ForeignWeights {
  readonly specification: ModelSpecification;
  /** How its images become its input. */
  readonly preset: PresetName;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** What was recognised and chosen, for the user: sentences. */
  readonly notes: readonly string[];
}

/**
 * Updates that the statistics of weights from elsewhere count as having had, at least. Many converted files say 0, after which the
 * first update of training would replace the statistics whole (see `BatchNorm`).
 */
const SETTLED_UPDATES = 1000;

/**
 * Turns another code base's tensors into a network's of ours.
 *
 * @param path the file, whose name may say how it was trained
 * @throws ERR_WEIGHTS the tensors fit no network, with all that does not fit; ERR_MODEL, ERR_PRESET there is none of that name
 */
export function foreignWeights(file: StateFile, path: string, options: ForeignOptions = {}): ForeignWeights {
  if (options.preset !== undefined && !PRESET_NAMES.includes(options.preset)) {
    throw new UsageError("ERR_PRESET", `the preset must be ${PRESET_NAMES.join(", ")}; got ${options.preset}`);
  }
  const found = recognize(file.tensors, path, options.model);
  refusePaddedOtherwise(found, path);
  const { imageSize } = architecture(found.name);
  const { names, said } = classNames(found.classes, imageSize);
  const entry = findPublished(path);
  const usual = usualPreset(found.name, path.slice(path.lastIndexOf("/") + 1) + hubName(path));
  const preset = options.preset ?? entry?.preset ?? usual.name;
  const chosen = presetOf(preset, { name: found.name, imageSize }, preset === entry?.preset ? entry : undefined);
  const why =
    options.preset !== undefined
      ? "as asked for"
      : entry !== undefined
        ? "as published"
        : usual.byName
          ? "by the file's name"
          : "the usual for its family: if it was trained otherwise, convert it by advprop models import, with `preset`";
  return {
    specification: { name: found.name, classes: names, routes: found.routes, ...chosen },
    preset,
    tensors: converted(found, path),
    notes: [
      ...file.notes,
      `${path} is ${found.name}, under the names of ${found.layoutName}, with ${said}.`,
      `${describePreset(preset, chosen)} (${why}).`,
      ...cautions(found, path),
    ],
  };
}

/** Of a file of Hugging Face, the repository's name: the file's own is always the same. */
const hubName = (path: string): string => /\/([^/]+)\/resolve\//.exec(path)?.[1] ?? "";

/** timm's own EfficientNets, as it names their files and repositories. */
const TIMMS_OWN = /(?:^|\/)efficientnet_(?:b\d|lite\d)(?:(?:_[a-z0-9]+)*-[0-9a-f]{8}\.|\.[a-z0-9_]+\/resolve\/)/;

/** @throws ERR_WEIGHTS the file's name says that it is of timm's EfficientNet with PyTorch's padding */
function refusePaddedOtherwise({ layoutName, name }: Recognized, path: string): void {
  if (!layoutName.startsWith("timm's tf_efficientnet") || !TIMMS_OWN.test(path)) return;
  throw new UsageError(
    "ERR_WEIGHTS",
    `${path}: by its name, the weights are of timm's ${name.replace(/-/g, "_")} without tf_, which pads its images otherwise and is another network. ` +
      `Take those of tf_${name.replace(/-/g, "_")}: advprop models \`published\``,
  );
}

function converted({ tensors, layout }: Recognized, path: string): Map<string, SafetensorsTensor> {
  const result = new Map<string, SafetensorsTensor>();
  for (const name of layout.keys()) {
    const tensor = tensors.get(name);
    if (name.endsWith(COUNTER)) {
      const count = tensor === undefined ? 0 : firstCount(tensor);
      result.set(name, toCount(Math.max(count, SETTLED_UPDATES)));
    } else if (tensor !== undefined) result.set(name, toFloat32(name, tensor, path));
  }
  return result;
}

/** What may be otherwise than it looks. */
function cautions({ name, layoutName, routes, tensors }: Recognized, path: string): string[] {
  const notes: string[] = [];
  if (layoutName.startsWith("timm's tf_efficientnet") && !/tf_efficientnet|tf_mobilenet/.test(path)) {
    notes.push(
      `timm's ${name.replace(/-/g, "_")} without tf_ has the same names, pads its images otherwise and would be wrong here; the file does not tell them apart.`,
    );
  }
  if (routes.length > 0 && layoutName.startsWith("timm's tf_efficientnet")) {
    notes.push(
      "timm's --split-bn leaves out EfficientNet's activations after the norms: a network that was trained so is another one.",
    );
  }
  const doubles = [...tensors.values()].filter(({ dtype }) => dtype === "F64").length;
  if (doubles > 0) notes.push(`${doubles} tensors of float64 were rounded to float32.`);
  return notes;
}
