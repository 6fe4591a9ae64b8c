/** The programs of docs/deploying.md run as they stand there, and agree. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exportModel } from "../../src/api/export/export-model.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { setThreads } from "../../src/tensor/index.js";
import { advprop } from "../support/cli.js";
import { picture } from "../support/photos.js";
import { trainTenSteps } from "../support/trained.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** In the package, so that a program in it can import the package by its name. */
const folder = join(ROOT, "build", "deploying-test");
const page = readFileSync(join(ROOT, "docs/deploying.md"), "utf8");
const WITHOUT_ADDON = { NODE_OPTIONS: `--require ${join(ROOT, "test/support/block-addon.cjs")}` };
/** A Python with onnxruntime, Pillow and NumPy: the one that is named, else the system's. */
const PYTHON = process.env.ADVPROP_TEST_PYTHON ?? "python3";
const hasPython = spawnSync(PYTHON, ["-c", "import onnxruntime, PIL, numpy"]).status === 0;
if (!hasPython) console.warn("no Python with onnxruntime and Pillow: its program is not run (set ADVPROP_TEST_PYTHON)");

/** The program of the page in a language that is said to be run. */
function program(language: string): string {
  const found = new RegExp(`<!-- run by test/docs/deploying.test.ts -->\n\`\`\`${language}\n([^]*?)\n\`\`\``).exec(
    page,
  );
  return found?.[1] ?? "";
}

const photos = ["wide.png", "tall.png"];
/** Photos that Pillow alone would open or resize in another way than training, and one that is resized only in one direction. */
const unusual = [
  "taller.png",
  "transparent.png",
  "grey-transparent.png",
  "palette.png",
  "grey16.png",
  "same-width.png",
];

beforeAll(async () => {
  setThreads(1);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const model = createClassifier("resnet8", { classes: ["apple", "pear", "quince"], imageSize: 40 }).initialize(1);
  const weights = join(folder, "weights.safetensors");
  exportWeights(trainTenSteps(model), weights, { auxiliary: false });
  model.dispose();
  await exportModel(weights, join(folder, "model.onnx"));
  await picture(1, 90, 61).toFile(join(folder, photos[0]));
  // Upright it is 57 wide: PNG keeps an orientation too.
  await picture(2, 80, 57).withMetadata({ orientation: 6 }).toFile(join(folder, photos[1]));
  const noise = (channels: 1 | 2 | 3 | 4, width: number, height: number) => {
    const random = new KeyedRandom(3, Purpose.synthesis);
    const values = Uint8Array.from({ length: width * height * channels }, (_, i) => random.integer(i, 256));
    return sharp(values, { raw: { width, height, channels } });
  };
  const grey16 = Uint16Array.from({ length: 70 * 60 }, (_, i) => i * 15);
  const images = [
    noise(3, 83, 242),
    noise(4, 70, 60),
    noise(2, 70, 60).toColourspace("b-w"),
    noise(4, 70, 60).png({ palette: true, colours: 32 }),
    sharp(grey16, { raw: { width: 70, height: 60, channels: 1 } }).toColourspace("grey16"),
    noise(3, 46, 90),
  ];
  for (const [i, image] of images.entries()) await image.toFile(join(folder, unusual[i]));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a program prints: [photo, class, probability] a line. */
function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): [string, string, number][] {
  const options = { cwd: folder, encoding: "utf8", env: { ...process.env, ...env } } as const;
  const { status, stdout, stderr } = spawnSync(command, args, options);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([photo, name, probability]) => [photo, name, Number(probability)]);
}

/** The same by the command line. */
function predicted(photos: readonly string[]): [string, string, number][] {
  const paths = photos.map((name) => join(folder, name));
  const { stdout } = advprop(["predict", join(folder, "model.onnx"), ...paths, "--json"], WITHOUT_ADDON);
  const { photos: results } = JSON.parse(stdout) as {
    photos: { predictions: { class: string; probability: number }[] }[];
  };
  return results.flatMap(({ predictions }, i) =>
    predictions.map((one): [string, string, number] => [photos[i], one.class, one.probability]),
  );
}

const close = (expected: readonly [string, string, number][], digits: number) =>
  expected.map(([photo, name, probability]) => [photo, name, expect.closeTo(probability, digits)]);

test("the program for Node classifies photos, where libtorch cannot be loaded", () => {
  writeFileSync(join(folder, "classify.mjs"), program("js"));
  const lines = run(process.execPath, ["classify.mjs", ...photos], WITHOUT_ADDON);
  expect(lines).toEqual(close(predicted(photos), 2.9));
});

test.skipIf(!hasPython)(
  "the program for Python gives the same, also for photos that Pillow alone treats differently",
  () => {
    // With more digits than the page needs, so that one other grey level is noticed.
    writeFileSync(join(folder, "classify.py"), program("python").replace(":.3f", ":.9f"));
    const all = [...photos, ...unusual];
    expect(run(PYTHON, ["classify.py", ...all])).toEqual(close(predicted(all), 6));
  },
);
