/** Renames the layers of other code bases. The names here are those of timm, and for wide ResNets those of the usual port. */
import { UsageError } from "../errors.js";

/** Tensors with the names here, and the code base of their old names. */
export interface Renamed<T> {
  readonly tensors: ReadonlyMap<string, T>;
  readonly what: string;
}

/** For each family, the name of a layer that all of its networks have. */
const MARKS = {
  resnet: "layer1.0.conv1.weight",
  wideResNet: "block1.layer.0.conv1.weight",
  efficientNet: "conv_stem.weight",
};

export type Family = keyof typeof MARKS;

/** The family of a set of names. */
export const familyOf = (names: { has(name: string): boolean }): Family | undefined =>
  (Object.keys(MARKS) as Family[]).find((family) => names.has(MARKS[family]));

/** Whether the names are those of the package efficientnet_pytorch, or of its lite form. */
export const isEfficientNetPytorch = (names: { has(name: string): boolean }): boolean => names.has("_conv_stem.weight");

/**
 * Renames ResNets for CIFAR of https://github.com/akamaster/pytorch_resnet_cifar10 (`linear`) and
 * https://github.com/kuangliu/pytorch-cifar (`linear` and `shortcut`) to the names here (`fc` and `downsample`).
 */
export function renameResNet<T>(tensors: ReadonlyMap<string, T>): Renamed<T> {
  if (!tensors.has("linear.weight")) return { tensors, what: "torchvision and timm" };
  const rename = (name: string) => name.replace(/^linear\./, "fc.").replace(/\.shortcut\.(\d+)\./, ".downsample.$1.");
  return { tensors: new Map(Array.from(tensors, ([name, one]) => [rename(name), one])), what: "ports for CIFAR" };
}

/** The layers of a block of efficientnet_pytorch by timm's names, with and without expansion. */
const BLOCK = {
  expanded: {
    _expand_conv: "conv_pw",
    _bn0: "bn1",
    _depthwise_conv: "conv_dw",
    _bn1: "bn2",
    _se_reduce: "se.conv_reduce",
    _se_expand: "se.conv_expand",
    _project_conv: "conv_pwl",
    _bn2: "bn3",
  },
  plain: {
    _depthwise_conv: "conv_dw",
    _bn1: "bn1",
    _se_reduce: "se.conv_reduce",
    _se_expand: "se.conv_expand",
    _project_conv: "conv_pw",
    _bn2: "bn2",
  },
} as const;
const AROUND_BLOCKS: Readonly<Record<string, string>> = {
  _conv_stem: "conv_stem",
  _bn0: "bn1",
  _conv_head: "conv_head",
  _bn1: "bn2",
  _fc: "classifier",
};

/**
 * Renames networks of https://github.com/lukemelas/EfficientNet-PyTorch to the names here. It numbers all blocks in one sequence,
 * `_blocks.n`. Here they are `blocks.STAGE.BLOCK`.
 *
 * @param stages number of blocks of each stage of the network
 */
export function renameEfficientNetPytorch<T>(tensors: ReadonlyMap<string, T>, stages: readonly number[]): Renamed<T> {
  const places = stages.flatMap((blocks, stage) => Array.from({ length: blocks }, (_, block) => `${stage}.${block}`));
  const rename = (name: string): string => {
    const block = /^_blocks\.(\d+)\.([^.]+)\.(.+)$/.exec(name);
    if (block === null) {
      const [layer, ...rest] = name.split(".");
      return layer in AROUND_BLOCKS ? [AROUND_BLOCKS[layer], ...rest].join(".") : name;
    }
    const [, index, layer, rest] = block;
    const parts: Readonly<Record<string, string>> = tensors.has(`_blocks.${index}._expand_conv.weight`)
      ? BLOCK.expanded
      : BLOCK.plain;
    const place = places[Number(index)];
    return place === undefined || !(layer in parts) ? name : `blocks.${place}.${parts[layer]}.${rest}`;
  };
  return { tensors: new Map(Array.from(tensors, ([name, one]) => [rename(name), one])), what: "efficientnet_pytorch" };
}

/** The number of blocks of each stage of an EfficientNet, from the names of its tensors here. */
export function stagesOf(names: Iterable<string>): number[] {
  const stages: number[] = [];
  for (const name of names) {
    const block = /^blocks\.(\d+)\.(\d+)\./.exec(name);
    if (block !== null) stages[Number(block[1])] = Math.max(stages[Number(block[1])] ?? 0, Number(block[2]) + 1);
  }
  return stages;
}

/**
 * Refuses networks that have similar names but compute something else.
 *
 * @throws ERR_WEIGHTS the names are those of such a network
 */
export function refuseLookAlikes(names: ReadonlyMap<string, unknown>, source: string): void {
  const isTorchvisions = names.has("features.0.0.weight") && names.has("features.1.0.block.0.0.weight");
  if (!isTorchvisions) return;
  throw new UsageError(
    "ERR_WEIGHTS",
    `${source}: the weights are of torchvision's EfficientNet, which pads its images in another way and is another network. ` +
      "Use those of timm's tf_efficientnet or of efficientnet_pytorch: advprop models `published`",
  );
}
