/** The preprocessing of published networks, which is saved with their weights. */

import { type EvaluationView, WHOLE_VIEW } from "../evaluation/view.js";
import { type ModelSpecification, NORMALIZATIONS, type Normalization } from "../models/classifier.js";
import type { PresetName } from "./preset-names.js";
import type { PublishedWeights } from "./published.js";

/** The part of a specification that a preset defines. */
export type Preset = Pick<ModelSpecification, "normalization" | "imageSize" | "view">;

const PIXELS: Readonly<Record<PresetName, Normalization>> = {
  advprop: NORMALIZATIONS.half,
  /** For ImageNet's training images: torchvision, timm and the TensorFlow networks without AdvProp. */
  imagenet: { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] },
  half: NORMALIZATIONS.half,
  none: { mean: [0, 0, 0], deviation: [1, 1, 1] },
};

const WORDS: Readonly<Record<PresetName, string>> = {
  advprop: "to [-1, 1], as for AdvProp's networks",
  imagenet: "by ImageNet's mean and deviation",
  half: "to [-1, 1]",
  none: "not at all",
};

/** For a ResNet, the crop of torchvision's first weights: 224 of 256 pixels, https://github.com/pytorch/vision. */
const RESNET_VIEW: EvaluationView = { cropFraction: 0.875, interpolation: "bilinear" };

/** For an EfficientNet, `size` of size + 32 pixels, as in the official code when AdvProp's weights were published. */
const efficientNetView = (imageSize: number): EvaluationView => ({
  cropFraction: imageSize / (imageSize + 32),
  interpolation: "bicubic",
});

/** The preset of a name, with the values of a published file's entry if it has its own. */
export function presetOf(
  name: PresetName,
  model: { name: string; imageSize: number },
  entry?: PublishedWeights,
): Preset {
  const { imageSize } = model;
  const photos = model.name.startsWith("efficientnet") ? efficientNetView(imageSize) : RESNET_VIEW;
  // Networks for images of 32 pixels were trained without crops.
  const family = imageSize === 32 ? WHOLE_VIEW : photos;
  return { normalization: PIXELS[name], imageSize: entry?.imageSize ?? imageSize, view: entry?.view ?? family };
}

/** The preset as a sentence. */
export function describePreset(name: PresetName, { imageSize, view }: Preset): string {
  const share = +view.cropFraction.toFixed(3);
  const cut = share === 1 ? "the whole middle square" : `the middle ${share} of the short side`;
  return `Pixels are normalised ${WORDS[name]}; images have ${imageSize} pixels, of photos ${cut}, ${view.interpolation}`;
}

/** Matches the names of published AdvProp files: `_ap`, `adv-`, `.ap_in1k`, `advprop`. */
const ADVPROP = /(?:^|[/_.-])(?:ap|adv|advprop)(?:[/_.-]|$)/;

/**
 * The preset that a file's name suggests, or else the usual one of its family: pixels in [-1, 1] for AdvProp and
 * EfficientNet-Lite, ImageNet's mean and deviation for all others.
 */
export function usualPreset(model: string, fileName: string): { readonly name: PresetName; readonly byName: boolean } {
  if (model.startsWith("efficientnet-lite")) return { name: "half", byName: false };
  const isAdvProp = model.startsWith("efficientnet") && ADVPROP.test(fileName);
  return { name: isAdvProp ? "advprop" : "imagenet", byName: isAdvProp };
}
