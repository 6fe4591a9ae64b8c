/** How images become a published network's input: this travels with the weights. */

import { type EvaluationView, WHOLE_VIEW } from "../evaluation/view.js";
import { type ModelSpecification, NORMALIZATIONS, type Normalization } from "../models/classifier.js";
import type { PresetName } from "./preset-names.js";
import type { PublishedWeights } from "./published.js";

/** What a preset says of a network. */
export type Preset = Pick<ModelSpecification, "normalization" | "imageSize" | "view">;

const PIXELS: Readonly<Record<PresetName, Normalization>> = {
  advprop: NORMALIZATIONS.half,
  /** Of ImageNet's training images: torchvision, timm and the TensorFlow networks without AdvProp. */
  imagenet: { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] },
  half: NORMALIZATIONS.half,
  none: { mean: [0, 0, 0], deviation: [1, 1, 1] },
};

const WORDS: Readonly<Record<PresetName, string>> = {
  advprop: "to [-1, 1], as AdvProp's networks want them",
  imagenet: "by ImageNet's mean and deviation",
  half: "to [-1, 1]",
  none: "not at all",
};

/** Of a ResNet, the crop of torchvision's first weights: 224 of 256 pixels, https://github.com/pytorch/vision. */
const RESNET_VIEW: EvaluationView = { cropFraction: 0.875, interpolation: "bilinear" };

/** Of an EfficientNet, size of size + 32 pixels: what the official code did when AdvProp's weights were published. */
const efficientNetView = (imageSize: number): EvaluationView => ({
  cropFraction: imageSize / (imageSize + 32),
  interpolation: "bicubic",
});

/** What a preset says, where a published file's entry does not say more. */
export function presetOf(
  name: PresetName,
  model: { name: string; imageSize: number },
  entry?: PublishedWeights,
): Preset {
  const { imageSize } = model;
  const photos = model.name.startsWith("efficientnet") ? efficientNetView(imageSize) : RESNET_VIEW;
  // Networks for images of 32 pixels were trained on whole ones.
  const family = imageSize === 32 ? WHOLE_VIEW : photos;
  return { normalization: PIXELS[name], imageSize: entry?.imageSize ?? imageSize, view: entry?.view ?? family };
}

/** The same in a sentence. */
export function describePreset(name: PresetName, { imageSize, view }: Preset): string {
  const share = +view.cropFraction.toFixed(3);
  const cut = share === 1 ? "the whole middle square" : `the middle ${share} of the short side`;
  return `Pixels are normalised ${WORDS[name]}; images have ${imageSize} pixels, of photos ${cut}, ${view.interpolation}`;
}

/** `_ap`, `adv-`, `.ap_in1k`, `advprop`: how the published AdvProp files are called. */
const ADVPROP = /(?:^|[/_.-])(?:ap|adv|advprop)(?:[/_.-]|$)/;

/**
 * The preset that a file's name asks for, or else its family's usual one: pixels in [-1, 1] for AdvProp and EfficientNet-Lite,
 * ImageNet's mean and deviation for all others.
 */
export function usualPreset(model: string, fileName: string): { readonly name: PresetName; readonly byName: boolean } {
  if (model.startsWith("efficientnet-lite")) return { name: "half", byName: false };
  const isAdvProp = model.startsWith("efficientnet") && ADVPROP.test(fileName);
  return { name: isAdvProp ? "advprop" : "imagenet", byName: isAdvProp };
}
