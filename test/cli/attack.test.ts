/** `advprop attack` as a user meets it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { picture, writePicture } from "../support/photos.js";
import { trainTenSteps } from "../support/trained.js";

const folder = sharedTemporaryFolder();
const weights = join(folder, "fruit.safetensors");
const photo = join(folder, "photo.jpg");
const to = join(folder, "picture.png");

beforeAll(async () => {
  const options = { classes: ["apple", "pear", "quince"], imageSize: 32, routes: ["aux"] };
  exportWeights(trainTenSteps(createClassifier("resnet8", options).initialize(1)), weights, { auxiliary: true });
  await writePicture(photo, picture(3));
});

test("draws the picture, and prints for each route the class before and after the attack", async () => {
  const flags = ["--epsilon", "24/255", "--attack-steps", "5", "--threads", "1"];
  const { status, stdout, stderr } = advprop(["attack", weights, photo, ...flags, "--to", to]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const [first, main, aux] = stdout.split("\n");
  expect(first).toMatch(
    /picture\.png: The attack reached its aim \(any class but \w+\)\. Pixels change by at most 24\/255\.$/,
  );
  expect(main).toMatch(/^ {2}through main, attacked: \w+ \d+\.\d % -> \w+ \d+\.\d %$/);
  expect(aux).toMatch(/^ {2}through aux: \w+ \d+\.\d % -> \w+ \d+\.\d %$/);
  expect(await sharp(to).metadata()).toMatchObject({ format: "png", width: 1200 });
});

test.each([
  [["--to", "x.jpg"], "must name a file that ends in .png"],
  [["--to", "x.png", "--epsilon", "4"], "Did you mean 4/255?"],
  [["--to", "x.png", "--target", "kiwi"], "there is no class kiwi"],
  [["--to", "x", "--data", "photos"], "give a photo, or a data set with --data; got both"],
  [["--to", "x.png", "--limit-test", "5"], "--limit-test is only for a data set"],
])("refuses %j", (flags, message) => {
  const { status, stderr } = advprop(["attack", weights, photo, ...flags]);
  expect(status).toBe(2);
  expect(stderr).toContain(message);
  expect(existsSync("x.png")).toBe(false);
});
