/** `evaluate --data` of a corrupted set: published layouts, and what `advprop corrupt` wrote. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { CORRUPTIONS, SEVERITIES } from "../../src/corruptions/index.js";
import { npyHeader } from "../../src/data/datasets/npy.js";
import { SHAPES_CLASSES } from "../../src/data/shapes/shapes.js";
import { ALEXNET } from "../../src/evaluation/corruption-error.js";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { writeOnnx } from "../support/onnx.js";

const SIDE = 8;
const NEVER = [-9, -9, -9] as const;
const COLOURS = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
] as const;

/** A classifier whose first three classes are red, green and blue. */
function writeColours(path: string, classes: number, order: readonly number[] = [0, 1, 2]): string {
  const weights = Array.from({ length: classes }, (_, k) => COLOURS[order[k]] ?? NEVER);
  return writeOnnx(path, { weights, shape: ["batch", 3, SIDE, SIDE] });
}

/** The values of a report by the names of its measures. */
function measuresOf(output: string): Record<string, (number | undefined)[]> {
  const { measures } = JSON.parse(readFileSync(join(output, "report.json"), "utf8"));
  return Object.fromEntries(
    measures.map(({ name, values }: { name: string; values: ({ value: number } | null)[] }) => [
      name,
      values.map((one) => one?.value),
    ]),
  );
}

describe("the layout of CIFAR-10-C", () => {
  const folder = sharedTemporaryFolder();
  const set = join(folder, "CIFAR-10-C");
  const output = join(folder, "report");
  const LABELS = [0, 1, 2, 0];
  const args = ["evaluate", join(folder, "one.onnx"), join(folder, "two.onnx"), "--data", set, "--to", output];
  const onnx = ["--onnx", "pixelRange=0-1", "--threads", "1"];

  /** Images in the colour of their class, except the given ones, which have the colour of the next class. */
  function writeArray(name: string, isWrong: (severity: number, image: number) => boolean): void {
    const pixels = SEVERITIES.flatMap((severity) =>
      LABELS.map((label, i) => {
        const colour = COLOURS[(label + Number(isWrong(severity, i))) % 3].map((share) => 255 * share);
        return Buffer.concat(Array.from({ length: SIDE * SIDE }, () => Uint8Array.from(colour)));
      }),
    );
    const header = npyHeader([5 * LABELS.length, SIDE, SIDE, 3]);
    writeFileSync(join(set, `${name}.npy`), Buffer.concat([header, ...pixels]));
  }

  beforeAll(() => {
    mkdirSync(set);
    for (const name of CORRUPTIONS) writeArray(name, (severity, i) => i < severity - 1);
    writeArray("fog", (_, i) => i === 0);
    writeArray("saturate", () => true);
    writeFileSync(join(set, "labels.npy"), Buffer.concat([npyHeader([4]), Uint8Array.from(LABELS)]));
    // CIFAR-10's classes by name; the second model has them in another order.
    const names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
    const moved = [...names.slice(1), names[0]];
    writeColours(join(folder, "one.onnx"), 10);
    writeOnnx(join(folder, "two.onnx"), {
      weights: moved.map((name) => (name === "airplane" ? ([0, 0, 1] as const) : name === "bird" ? COLOURS[0] : NEVER)),
      shape: ["batch", 3, SIDE, SIDE],
    });
    writeFileSync(join(folder, "one.onnx.json"), JSON.stringify({ classes: names }));
    writeFileSync(join(folder, "two.onnx.json"), JSON.stringify({ classes: moved }));
  });

  test("is a suite of the set's own images: errors, means over the fifteen, models side by side", () => {
    const { stdout, stderr, status } = advprop([...args, ...onnx]);
    expect(stderr).toContain("160 measured, 0 taken");
    expect(status).toBe(0);
    const { data, models, protocol } = JSON.parse(readFileSync(join(output, "report.json"), "utf8"));
    expect(data).toEqual({ name: "CIFAR-10-C", images: 4, classes: 10 });
    expect(protocol.corruptions).toContain("the 15 of ImageNet-C, severity 1 to 5, and 1 more, which count in no mean");
    expect(protocol.data).toContain("layout cifar-c");
    expect(models[0].corruptionErrors.snow).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(models[0].errors.at(-1)).toEqual({ corruption: "saturate", bySeverity: [1, 1, 1, 1, 1] });
    const measures = measuresOf(output);
    expect(measures["mean corruption error"][0]).toBeCloseTo((14 * 0.5 + 0.25) / 15, 12);
    expect(measures["mCE (reference: one)"][0]).toBeCloseTo(1, 12);
    expect(Object.keys(measures)).toHaveLength(2); // no measures of clean images
    expect(stdout).toContain("two minus one");
    expect(readdirSync(join(output, "pictures")).filter((name) => name.includes("fog"))).toHaveLength(3);
  });

  test("measures only changed files again", () => {
    expect(advprop([...args, ...onnx]).stderr).toContain("0 measured, 160 taken");
    writeArray("fog", () => false);
    expect(advprop([...args, ...onnx]).stderr).toContain("10 measured, 150 taken");
    // An error of 0 cannot be a divisor.
    expect(Object.keys(measuresOf(output))).toEqual(["mean corruption error"]);
    expect(measuresOf(output)["mean corruption error"][0]).toBeCloseTo((14 * 0.5) / 15, 12);
  });

  test.each([
    [["--suite", "standard"], "leave --suite out"],
    [["--split", "test"], "leave --split out"],
    [["--attack", "pgd"], "a corrupted set is not attacked; leave --attack out"],
    [["--frost-textures", "x"], "leave --frost-textures out"],
    [
      [...onnx, "--crop-fraction", "0.5", "--workers", "1"],
      "--crop-fraction, --workers have no effect on the images of",
    ],
  ])("%j is refused", (flags, message) => {
    const { status, stderr } = advprop([...args, ...flags]);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});

describe("the layout of ImageNet-C", () => {
  const SYNSETS = ["n01440764", "n01443537"];
  const folder = sharedTemporaryFolder();
  const set = join(folder, "ImageNet-C");
  const output = join(folder, "report");
  const model = join(folder, "model.onnx");
  const args = ["evaluate", model, "--data", set, "--to", output, "--workers", "1", "--threads", "1"];
  const WORKERS = args.indexOf("--workers");
  const onnx = ["--onnx", "pixelRange=0-1", "--onnx", "classes=imagenet"];

  beforeAll(async () => {
    writeColours(model, 1000);
    const raw = { width: 2 * SIDE, height: 2 * SIDE, channels: 3 } as const;
    // Red in the middle, which the usual crop keeps, and green in the larger area around it.
    const pixels = Uint8Array.from({ length: raw.width * raw.height * 3 }, (_, i) => {
      const [x, y, channel] = [Math.floor(i / 3) % raw.width, Math.floor(i / 3 / raw.width), i % 3];
      const inside = Math.max(Math.abs(x - 7.5), Math.abs(y - 7.5)) < 5;
      return channel === Number(!inside) ? 255 : 0;
    });
    const png = await sharp(pixels, { raw }).png().toBuffer();
    for (const name of ["shot_noise", "gaussian_noise"]) {
      for (const severity of SEVERITIES) {
        for (const synset of SYNSETS) {
          mkdirSync(join(set, name, String(severity), synset), { recursive: true });
          writeFileSync(join(set, name, String(severity), synset, "a.png"), png);
        }
      }
    }
  });

  test("whole photos at the model's size, classes by synset", () => {
    const { stderr, status } = advprop([...args, ...onnx]);
    expect(stderr).toContain("10 measured, 0 taken");
    expect(status).toBe(0);
    const { protocol, models } = JSON.parse(readFileSync(join(output, "report.json"), "utf8"));
    expect(protocol["seen by model"]).toContain("short side to 8 pixels, bicubic, centre 8 x 8 (crop fraction 1)");
    expect(protocol["seen by model"]).toContain("argmax over all 1000 classes");
    // In the whole photo there is more green, so the second class is right.
    const seen = models[0].classes.filter(({ count }: { count: number }) => count > 0);
    expect(seen.map(({ corruptedAccuracy }: { corruptedAccuracy: number }) => corruptedAccuracy)).toEqual([0, 1]);
    expect(models[0].errors.map(({ corruption }: { corruption: string }) => corruption)).toEqual([
      "gaussian_noise",
      "shot_noise",
    ]);
    expect(measuresOf(output)).toEqual({ "mean error over the 10 conditions of 2 corruptions": [0.5] });
  });

  test("another crop gives other results", () => {
    expect(advprop([...args, ...onnx, "--crop-fraction", "0.5"]).stderr).toContain("10 measured, 0 taken");
    const { models } = JSON.parse(readFileSync(join(output, "report.json"), "utf8"));
    const red = models[0].classes.find(({ count }: { count: number }) => count > 0);
    expect(red.corruptedAccuracy).toBe(1); // the crop sees only the middle
  });

  test("photos that were written at their own sizes are cropped like clean ones, and resized ones are not", () => {
    const manifest = join(set, "corruptions.json");
    const seenWith = (size: number | null) => {
      const note = { schema: 1, madeFrom: { "image size": size }, classes: SYNSETS, complete: true };
      writeFileSync(manifest, JSON.stringify(note));
      expect(advprop([...args, ...onnx]).status).toBe(0);
      rmSync(manifest);
      return JSON.parse(readFileSync(join(output, "report.json"), "utf8")).protocol["seen by model"];
    };
    expect(seenWith(null)).toContain("centre 8 x 8 (crop fraction 0.2)");
    expect(seenWith(SIDE)).toContain("centre 8 x 8 (crop fraction 1)");
  });

  test("a condition without all photos is left out", () => {
    rmSync(join(set, "shot_noise", "5", SYNSETS[1]), { recursive: true });
    const { stderr, status } = advprop([...args, ...onnx]);
    expect(stderr).toContain("shot_noise 5");
    expect(stderr).toContain("must have the same images for every corruption and severity");
    expect(status).toBe(2);
  });

  test("the mCE of a model with ImageNet's classes is by AlexNet", () => {
    const arrays = join(folder, "arrays");
    mkdirSync(arrays);
    const red = Buffer.concat(Array.from({ length: 10 * SIDE * SIDE }, () => Uint8Array.of(255, 0, 0)));
    for (const name of CORRUPTIONS) {
      writeFileSync(join(arrays, `${name}.npy`), Buffer.concat([npyHeader([10, SIDE, SIDE, 3]), red]));
    }
    writeFileSync(join(arrays, "labels.npy"), Buffer.concat([npyHeader([2]), Uint8Array.of(0, 1)]));
    const note = { schema: 1, madeFrom: {}, classes: SYNSETS, complete: true };
    writeFileSync(join(arrays, "corruptions.json"), JSON.stringify(note));
    const ofArrays = args.filter((_, i) => i !== WORKERS && i !== WORKERS + 1).with(3, arrays);
    expect(advprop([...ofArrays, ...onnx]).stderr).toContain("75 measured, 0 taken");
    const { protocol } = JSON.parse(readFileSync(join(output, "report.json"), "utf8"));
    expect(protocol["mCE reference"]).toContain("AlexNet");
    const measures = measuresOf(output);
    const expected = CORRUPTIONS.reduce((sum, name) => sum + 0.5 / ALEXNET.errors[name], 0) / CORRUPTIONS.length;
    expect(measures["mean corruption error"][0]).toBeCloseTo(0.5, 12);
    expect(measures["mCE (reference: AlexNet)"][0]).toBeCloseTo(expected, 12);
    expect(Object.keys(measures)).toHaveLength(2); // a relative mCE needs clean images
  });
});

test("a set that advprop corrupt wrote, measured with a run and an ONNX file", () => {
  const folder = sharedTemporaryFolder();
  const [run, onnx, set, output] = ["run", "colours.onnx", "set", "report"].map((name) => join(folder, name));
  const training = ["--model", "resnet8", "--limit-train", "32", "--batch-size", "16", "--epochs", "1"];
  const trained = advprop(["train", "--data", "shapes", ...training, "--threads", "1", "--run", run, "--quiet"]);
  expect(trained.stderr).toBe("");
  writeOnnx(onnx, {
    weights: SHAPES_CLASSES.map((_, k) => [Math.sin(k), Math.cos(3 * k), Math.sin(5 * k)] as const),
    shape: ["batch", 3, 32, 32],
    metadata: {},
  });
  writeFileSync(`${onnx}.json`, JSON.stringify({ classes: SHAPES_CLASSES, pixelRange: "0-1" }));
  const made = ["corrupt", "--data", "shapes", "--to", set, "--corruptions", "fog,contrast", "--limit-test", "6"];
  expect(advprop([...made, "--workers", "1", "--quiet"]).status).toBe(0);
  const args = ["evaluate", run, onnx, "--data", set, "--to", output, "--threads", "1"];
  const { stderr, status } = advprop([...args, "--json"]);
  expect(stderr).toContain("20 measured, 0 taken");
  expect(status).toBe(0);
  expect(measuresOf(output)["mean error over the 10 conditions of 2 corruptions"]).toHaveLength(2);
  // Another precision changes the run's outputs, so it is measured again; the ONNX file is not.
  expect(advprop([...args, "--precision", "bf16"]).stderr).toContain("10 measured, 10 taken");
});

test("one severity, one corruption and one image have the singular in the text", () => {
  const set = join(sharedTemporaryFolder(), "set");
  const made = ["corrupt", "--data", "shapes", "--to", set, "--corruptions", "fog", "--severities", "3"];
  const { stdout, stderr } = advprop([...made, "--layout", "imagenet-c", "--limit-test", "1", "--workers", "1"]);
  expect(stdout + stderr).toContain(`1 image with 1 corruption at 1 severity: ${set}, in the layout of ImageNet-C.`);
});
