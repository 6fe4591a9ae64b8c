/** Converts weights of other code bases: recognises, renames and checks them, and finds their preprocessing. */
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
  /** The network's name; by default it is recognised by the tensors. */
  readonly model?: string;
  /** By default the preset published with the file, the one in its name, or the usual one of its family. */
  readonly preset?: PresetName;
}

export interface ForeignWeights {
  readonly specification: ModelSpecification;
  /** The preprocessing of its images. */
  readonly preset: PresetName;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** Sentences that tell the user what was recognised and chosen. */
  readonly notes: readonly string[];
}

/**
 * Minimum for the count of updates of imported running statistics. Many converted files have the count 0, after which the
 * first update of training would replace the statistics completely (see `BatchNorm`).
 */
const SETTLED_UPDATES = 1000;

/**
 * Converts the tensors of another code base to a network here.
 *
 * @param path of the file, whose name can tell how it was trained
 * @throws ERR_WEIGHTS the tensors fit no network, with all reasons; ERR_MODEL, ERR_PRESET the model or preset is unknown
 */
export function foreignWeights(file: StateFile, path: string, options: ForeignOptions = {}): ForeignWeights {
  if (options.preset !== undefined && !PRESET_NAMES.includes(options.preset)) {
    throw new UsageError("ERR_PRESET", `the preset must be ${PRESET_NAMES.join(", ")}; got ${options.preset}`);
  }
  const found = recognize(file.tensors, path, options.model);
  refuseByName(found, path);
  const { imageSize } = architecture(found.name);
  const { names, description } = classNames(found.classes, imageSize);
  const entry = findPublished(path);
  const usual = usualPreset(found.name, path.slice(path.lastIndexOf("/") + 1) + hubName(path));
  const preset = options.preset ?? entry?.preset ?? usual.name;
  const chosen = presetOf(preset, { name: found.name, imageSize }, preset === entry?.preset ? entry : undefined);
  const why =
    options.preset !== undefined
      ? "as requested"
      : entry !== undefined
        ? "as published"
        : usual.byName
          ? "by the file's name"
          : "the usual one of its family; if it was trained with another one, convert it by advprop models import, with `preset`";
  return {
    specification: { name: found.name, classes: names, routes: found.routes, ...chosen },
    preset,
    tensors: converted(found, path),
    notes: [
      ...file.notes,
      `${path} is ${found.name}, under the names of ${found.layoutName}, with ${description}.`,
      `${describePreset(preset, chosen)} (${why}).`,
      ...cautions(found, path),
    ],
  };
}

/** For a file of Hugging Face, the name of the repository, since the files there all have the same names. */
const hubName = (path: string): string => /\/([^/]+)\/resolve\//.exec(path)?.[1] ?? "";

/** Matches the names of files and repositories of timm's own EfficientNets. */
const TIMMS_OWN = /(?:^|\/)efficientnet_(?:b\d|lite\d)(?:(?:_[a-z0-9]+)*-[0-9a-f]{8}\.|\.[a-z0-9_]+\/resolve\/)/;

/** Matches the names of files and repositories of timm's ResNets with anti-aliasing, which pool without parameters. */
const ANTI_ALIASED = /(?:^|\/)resnet(?:aa|blur)\d[^/]*(?:$|\/resolve\/)/;

/** @throws ERR_WEIGHTS the name is that of a network of timm with the same tensors: an EfficientNet with PyTorch's padding, or ANTI_ALIASED */
function refuseByName({ layoutName, name }: Recognized, path: string): void {
  if (ANTI_ALIASED.test(path)) {
    const what = "by its name, the weights are of a ResNet with anti-aliasing, which is another network";
    throw new UsageError("ERR_WEIGHTS", `${path}: ${what}. Use those of a plain one: advprop models \`published\``);
  }
  if (!layoutName.startsWith("timm's tf_efficientnet") || !TIMMS_OWN.test(path)) return;
  throw new UsageError(
    "ERR_WEIGHTS",
    `${path}: by its name, the weights are of timm's ${name.replace(/-/g, "_")} without tf_, which pads its images in another way and is another network. ` +
      `Use those of tf_${name.replace(/-/g, "_")}: advprop models \`published\``,
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

/** Warnings about files that can be different from what they look like. */
function cautions({ name, layoutName, routes, tensors }: Recognized, path: string): string[] {
  const notes: string[] = [];
  if (layoutName.startsWith("timm's tf_efficientnet") && !/tf_efficientnet|tf_mobilenet/.test(path)) {
    notes.push(
      `timm's ${name.replace(/-/g, "_")} without tf_ has the same names, but pads its images in another way and would be wrong here; the file does not tell which of the two it is.`,
    );
  }
  if (routes.length > 0 && layoutName.startsWith("timm's tf_efficientnet")) {
    notes.push(
      "timm's --split-bn omits EfficientNet's activations after the norms: a network trained with it is another network.",
    );
  }
  const doubles = [...tensors.values()].filter(({ dtype }) => dtype === "F64").length;
  if (doubles > 0) notes.push(`${doubles} tensors of float64 were rounded to float32.`);
  return notes;
}
