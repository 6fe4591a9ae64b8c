/** A published file, evaluated on the whole set: its accuracy is the one that its author and PyTorch report. */
import { describe, expect, test } from "vitest";
import { openDataset } from "../../src/data/open-data.js";
import { evaluateAccuracy } from "../../src/evaluation/accuracy.js";
import { openPredictor } from "../../src/predictors/open.js";
import { testData } from "../support/data.js";

const weights = testData("weights/resnet20-12fca82f.th");
const cifar = testData("cifar10");

describe.skipIf(weights === undefined || cifar === undefined)("resnet20-12fca82f.th", () => {
  test("classifies 9173 of CIFAR-10's 10000 test images correctly", async () => {
    const predictor = await openPredictor(weights as string);
    const { accuracy } = await evaluateAccuracy(predictor, await openDataset(cifar as string, "test"), 200);
    expect(accuracy).toBe(0.9173);
  });
});
