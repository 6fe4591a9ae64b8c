/** What another program is told to do with images. */
import { expect, test } from "vitest";
import { describePreprocessing, preprocessingOf } from "../../src/export/preprocessing.js";
import { createClassifier } from "../../src/models/registry.js";
import { normalizationMistake } from "../../src/predictors/onnx/onnx-normalization.js";
import { onnxSettingsSchema } from "../../src/predictors/onnx/onnx-settings.js";

const preprocessing = preprocessingOf(createClassifier("resnet18", { classes: ["cat", "dog"] }).specification);

test("networks of photos say that their mean and deviation are 0.5, and which part of a photo they see", () => {
  expect(describePreprocessing(preprocessing)).toEqual([
    "images: RGB, short side resized to 256 pixels (bicubic, with antialiasing), then the middle 224 x 224",
    "pixels: byte / 255, then less the mean 0.5, 0.5, 0.5, divided by the deviation 0.5, 0.5, 0.5, " +
      "not ImageNet's usual 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225",
    "outputs: logits of 2 classes in this order: cat, dog",
  ]);
});

test("the entry of the metadata is what may stand beside an ONNX file of the same network", () => {
  expect(onnxSettingsSchema.parse(preprocessing)).toEqual(preprocessing);
  expect(normalizationMistake(preprocessing)).toBeUndefined();
});
