import { expect, test } from "vitest";
import { corrupt } from "../../src/corruptions/index.js";
import { corruptedDataset } from "../../src/corruptions/sets/corrupted-dataset.js";
import { subset } from "../../src/data/datasets/subset.js";
import { makeDataset } from "../support/datasets.js";

test("corrupts each image by the identity of its sample, also in a subset", () => {
  const clean = makeDataset({ length: 6, classes: 3, height: 20, width: 24 });
  const options = { severity: 2, seed: 4 };
  const corrupted = corruptedDataset(clean, "gaussian_noise", options);
  expect(corrupted).toMatchObject({ length: 6, height: 20, width: 24, labels: clean.labels, classes: clean.classes });
  expect(corrupted.pixels(5)).toEqual(corrupt(clean.pixels(5), 20, 24, "gaussian_noise", 2, { seed: 4, sample: 5 }));
  const last = corruptedDataset(subset(clean, [5]), "gaussian_noise", options);
  expect(last.pixels(0)).toEqual(corrupted.pixels(5));
});
