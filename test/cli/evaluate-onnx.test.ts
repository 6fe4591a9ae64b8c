/** `advprop evaluate model.onnx` as a user sees it, on data sets in memory and on folders of photos. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { imagenetSubsets, imagenetSynsets } from "../../src/evaluation/classes/imagenet.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { cifarRecord, writeCifar10 } from "../support/cifar.js";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { type OnnxFile, writeOnnx } from "../support/onnx.js";

const BLOCK = fileURLToPath(new URL("../support/block-addon.cjs", import.meta.url));
const WITHOUT_ADDON = { NODE_OPTIONS: `--require ${BLOCK}` };
const FLAGS = ["--threads", "1", "--quiet"];

type Colour = readonly [number, number, number];

/** Colour and weights that are unique to this class. */
const draw = (i: number, stream: number): Colour => {
  const random = new KeyedRandom(1, Purpose.synthesis, stream, i);
  return [random.uniform(0), random.uniform(1), random.uniform(2)];
};
const colourOf = (i: number) => draw(i, 0).map((x) => Math.floor(256 * x)) as unknown as Colour;
const weightsOf = (i: number) => draw(i, 1).map((x) => 20 * x - 10) as unknown as Colour;

const score = (weights: Colour, colour: Colour) => weights.reduce((sum, w, i) => sum + (w * colour[i]) / 255, 0);

/** Writes pictures of one colour each. */
async function writePictures(folder: string, pictures: Readonly<Record<string, Colour>>): Promise<string> {
  for (const [file, [r, g, b]] of Object.entries(pictures)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    await sharp({ create: { width: 20, height: 12, channels: 3, background: { r, g, b } } }).toFile(join(folder, file));
  }
  return folder;
}

const folder = sharedTemporaryFolder();

/** A model that scores each class by the colour of a picture, with its sidecar. */
function writeModel(
  name: string,
  count: number,
  classes: string | readonly string[],
  more: Partial<OnnxFile> = {},
): string {
  const weights = Array.from({ length: count }, (_, i) => weightsOf(i));
  const path = writeOnnx(join(folder, `${name}.onnx`), { weights, ...more });
  writeFileSync(`${path}.json`, JSON.stringify({ pixelRange: "0-1", classes }));
  return path;
}
const imagenet = writeModel("imagenet", 1000, "imagenet");
const synsets = imagenetSynsets();

function evaluate(args: readonly string[]) {
  const { status, stdout, stderr } = advprop(["evaluate", ...args, ...FLAGS, "--json"], WITHOUT_ADDON);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

/** The class with the largest score for a colour, out of some classes. */
const argmax = (indices: readonly number[], colour: Colour) =>
  indices.reduce((best, k) => (score(weightsOf(k), colour) > score(weightsOf(best), colour) ? k : best));

test("the process that evaluates cannot load the addon", () => {
  const engine = new URL("../../dist/tensor/index.js", import.meta.url).href;
  const script = `import(${JSON.stringify(engine)}).then((tensor) => tensor.engineInfo())`;
  const { status, stderr } = spawnSync(process.execPath, ["--require", BLOCK, "-e", script], { encoding: "utf8" });
  expect(status).not.toBe(0);
  expect(stderr).toContain("the addon is not here");
});

describe("a set in memory", () => {
  const NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
  const data = temporaryCifar();

  test("accuracy, input and access are in the result and the text", () => {
    const model = writeModel("cifar", 10, NAMES, { shape: [3, 3, 32, 32] });
    const right = Array.from(
      { length: 40 },
      (_, i) =>
        argmax(
          NAMES.map((_name, k) => k),
          colourOf(i),
        ) ===
        i % 10,
    );
    const result = evaluate([model, "--data", data, "--limit-test", "40"]);
    expect(result).toMatchObject({
      accuracy: right.filter(Boolean).length / 40,
      count: 40,
      model: { kind: "onnx", access: "black-box" },
      data: { name: "cifar10", split: "test" },
      protocol: { imageSize: 32, output: "logits", format: { layout: "NCHW", batch: 3, pixelRange: "0-1" } },
    });
    expect(result).not.toHaveProperty("route");
    const { stdout } = advprop(["evaluate", model, "--data", data, "--limit-test", "40", ...FLAGS], WITHOUT_ADDON);
    expect(stdout).toContain("cifar.onnx (onnx, black-box) on 40 test images of cifar10");
    expect(stdout).toContain("input: float32 NCHW RGB, x in 0-1; output: its logits");
    expect(stdout).toContain("images: 32 x 32 as they are");
  });

  test.each([
    [["--attack", "pgd"], "pgd needs gradients"],
    [["--route", "aux"], "advprop: --route does not apply to an ONNX file"],
    [["--device", "cpu"], "--device does not apply to an ONNX file"],
    [["--precision", "bf16"], "--precision does not apply to an ONNX file"],
    [["--memory-limit", "1GB"], "--memory-limit does not apply to an ONNX file"],
    [["--onnx", "imageSize=16"], "does not take images of 16 pixels"],
    [["--split", "all"], "is not a folder of photos"],
    [["--crop-fraction", "0.5"], "--crop-fraction has no effect on the images of"],
    [["--workers", "1"], "--workers has no effect on the images of"],
    [
      ["--suite", "standard", "--to", join(folder, "suite"), "--on-bad-image", "skip"],
      "--on-bad-image has no effect on the images of",
    ],
  ])("refuses %j", (flags, message) => {
    const model = writeModel("refused", 10, NAMES, { shape: ["n", 3, 32, 32] });
    const { status, stderr } = advprop(["evaluate", model, "--data", data, ...FLAGS, ...flags], WITHOUT_ADDON);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  function temporaryCifar(): string {
    const path = join(folder, "cifar");
    const records = Array.from({ length: 40 }, (_, i) =>
      cifarRecord([i % 10], (_row, _column, channel) => colourOf(i)[channel]),
    );
    writeCifar10(path, Buffer.concat(records));
    return path;
  }
});

describe("sets for models of ImageNet", () => {
  test("ImageNet-A: found by its folders, all its photos, only its classes compete", async () => {
    const { imagenetA } = imagenetSubsets();
    const pictures = Object.fromEntries(imagenetA.map((k) => [`${synsets[k]}/0.png`, colourOf(k)]));
    const data = await writePictures(join(folder, "imagenet-a"), pictures);
    writeFileSync(join(data, "README.txt"), "This is no picture.");
    const right = imagenetA.filter((k) => argmax(imagenetA, colourOf(k)) === k).length;
    const all = synsets.map((_, k) => k);
    expect(right).toBeGreaterThan(imagenetA.filter((k) => argmax(all, colourOf(k)) === k).length);

    const result = evaluate([imagenet, "--data", data]);
    expect(result).toMatchObject({ count: 200, accuracy: right / 200, data: { split: "all" } });
    expect(result.protocol).toMatchObject({
      set: "imagenet-a",
      interpolation: "bicubic",
      classes: "classes: imagenet-a: argmax over the columns of its 200 classes",
      images:
        "images: short side to 40 pixels, bicubic, centre 8 x 8 (crop fraction 0.2); the model's file records no crop rule, so the " +
        "earlier default is used, size / (size + 32); the default is now 0.875 (`cropFraction: 0.875`)",
    });
    expect(result.perClass).toHaveLength(200);
  });

  test("other folders of ImageNet's classes: all thousand classes compete; the crop rule can be given", async () => {
    const classes = [2, 500, 998];
    const pictures = Object.fromEntries(classes.map((k) => [`${synsets[k]}/sketch_0.png`, colourOf(k)]));
    const data = await writePictures(join(folder, "sketch"), pictures);
    const right = classes.filter(
      (k) =>
        argmax(
          synsets.map((_, i) => i),
          colourOf(k),
        ) === k,
    ).length;
    const result = evaluate([imagenet, "--data", data, "--crop-fraction", "1"]);
    expect(result).toMatchObject({ count: 3, accuracy: right / 3, protocol: { cropFraction: 1 } });
    expect(result.protocol.classes).toContain("all 1000 classes");
  });

  test("texture-shape cue conflict: sixteen classes, no crop, shape bias", async () => {
    const names = Object.keys(imagenetSubsets().cueConflict);
    // Each picture has the colour of the class that is the texture in its name.
    const pictures = Object.fromEntries(
      names.map((name, i) => [`${name}/${name}1-${names[(i + 1) % 16]}2.png`, colourOf(i)] as const),
    );
    const data = await writePictures(join(folder, "cue-conflict"), pictures);
    const means = (colour: Colour) => {
      const powers = synsets.map((_, k) => Math.exp(score(weightsOf(k), colour)));
      return names.map((name) => {
        const own = imagenetSubsets().cueConflict[name];
        return own.reduce((sum, k) => sum + powers[k], 0) / own.length;
      });
    };
    const taken = names.map((_, i) => {
      const scores = means(colourOf(i));
      return scores.indexOf(Math.max(...scores));
    });
    const shape = taken.filter((k, i) => k === i).length;
    const texture = taken.filter((k, i) => k === (i + 1) % 16).length;
    const result = evaluate([imagenet, "--data", data]);
    expect(result).toMatchObject({
      count: 16,
      accuracy: shape / 16,
      protocol: { set: "cue-conflict", cropFraction: 1 },
    });
    expect(result.shapeBias).toMatchObject({ count: 16, shape: shape / 16, texture: texture / 16 });
  });
});

describe("photos without ImageNet's classes", () => {
  test("a class map assigns the folders to classes; without one the folders that do not fit are named", async () => {
    const model = writeModel("pets", 4, ["tabby", "siamese", "poodle", "wolf"]);
    const data = await writePictures(join(folder, "pets"), {
      "cats/a.png": colourOf(0),
      "cats/b.png": colourOf(1),
      "dogs/c.png": colourOf(2),
    });
    const refused = advprop(["evaluate", model, "--data", data, ...FLAGS], WITHOUT_ADDON);
    expect(refused.stderr).toContain("2 of 2 are missing: cats, dogs");
    const map = join(folder, "pets.yaml");
    writeFileSync(map, "cats: [tabby, siamese]\ndogs: poodle\n");
    const result = evaluate([model, "--data", data, "--class-map", map]);
    const groups = [0, 1, 2].map((i) => {
      const powers = [0, 1, 2, 3].map((k) => Math.exp(score(weightsOf(k), colourOf(i))));
      const scores = [powers[0] + powers[1], powers[2], powers[3]];
      return scores.indexOf(Math.max(...scores));
    });
    expect(result.accuracy).toBe([0, 0, 1].filter((label, i) => groups[i] === label).length / 3);
    expect(result.protocol.classes).toContain("class map");
  });
});
