/** `advprop attack` as a user meets it. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
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

test("--set gives the strength too, and the flags and the settings of one attack draw the same", () => {
  const flags = ["--epsilon", "24/255", "--attack-steps", "2", "--step-size", "12/255"];
  const settings = ["epsilon=24/255", "steps=2", "stepSize=12/255"].flatMap((one) => ["--set", `attack.${one}`]);
  const drawn = [flags, settings].map((given) => {
    const { status, stdout, stderr } = advprop(["attack", weights, photo, ...given, "--threads", "1", "--to", to]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return { stdout, picture: createHash("sha256").update(readFileSync(to)).digest("hex") };
  });
  expect(drawn[1]).toEqual(drawn[0]);
  expect(drawn[0].stdout).toContain("Pixels change by at most 24/255.");
});

test.each([
  ["norm=l2", "the key norm of the attack cannot be set here; got l2. The change of each pixel is limited"],
  ["restarts=3", "the key restarts of the attack cannot be set here; got 3. The attack runs once. Leave it out."],
  ["target=random", "cannot be set here; got random. Leave it out. To aim at a class, give its name as --target ["],
  ["statistics=batch", "--set attack.statistics=batch has no effect outside of training"],
  ["stochastic=true", "--set attack.stochastic=true has no effect outside of training"],
])("--set attack.%s is refused, for a photo and for a set", (setting, message) => {
  for (const what of [
    [photo, "--to", join(folder, "refused.png")],
    ["--data", folder, "--to", join(folder, "refused")],
  ]) {
    const { status, stderr } = advprop(["attack", weights, ...what, "--set", `attack.${setting}`]);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  }
  expect([existsSync(join(folder, "refused.png")), existsSync(join(folder, "refused"))]).toEqual([false, false]);
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

test("does not overwrite the photo", async () => {
  const own = join(folder, "own.png");
  await sharp(photo).toFile(own);
  const before = readFileSync(own);
  const { status, stderr } = advprop(["attack", weights, own, "--to", join(folder, ".", "own.png")]);
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining("--to must not be its input") });
  expect(readFileSync(own)).toEqual(before);
});
