/** The preprocessing that other programs are told to do. */
import { expect, test } from "vitest";
import { describePreprocessing, preprocessingOf } from "../../src/export/preprocessing.js";
import { createClassifier } from "../../src/models/registry.js";
import { normalizationMistake } from "../../src/predictors/onnx/onnx-normalization.js";
import { onnxSettingsSchema } from "../../src/predictors/onnx/onnx-settings.js";

const preprocessing = preprocessingOf(createClassifier("resnet18", { classes: ["cat", "dog"] }).specification);

test("the text for networks of photos has their mean and deviation 0.5 and their crop", () => {
  expect(describePreprocessing(preprocessing)).toEqual([
    "images: RGB, short side resized to 256 pixels (bicubic, with antialiasing), then the central 224 x 224",
    "pixels: byte / 255, minus the mean 0.5, 0.5, 0.5, divided by the deviation 0.5, 0.5, 0.5, " +
      "not ImageNet's usual 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225",
    "outputs: logits of 2 classes in this order: cat, dog",
  ]);
});

test("the entry of the metadata can be used for an ONNX file of the same network", () => {
  expect(onnxSettingsSchema.parse(preprocessing)).toEqual(preprocessing);
  expect(normalizationMistake(preprocessing)).toBeUndefined();
});
