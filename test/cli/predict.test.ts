/** `advprop predict` as a user sees it: its output, its files, and its messages about broken photos. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { runPredict } from "../../src/cli/run-predict.js";
import { advprop } from "../support/cli.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { writeOnnx } from "../support/onnx.js";

const BLOCK = fileURLToPath(new URL("../support/block-addon.cjs", import.meta.url));
const folder = sharedTemporaryFolder();
const photos = join(folder, "photos");
const model = join(folder, "colours.onnx");
const COLOURS = { "blue, green.png": [0, 120, 250], "red.png": [250, 10, 10] } as const;

beforeAll(async () => {
  const classes = ["red", "green", 'blue "sky"'];
  const preprocessing = JSON.stringify({ pixelRange: "0-1", classes });
  writeOnnx(model, {
    weights: [
      [9, 0, 0],
      [0, 9, 0],
      [0, 0, 9],
    ],
    metadata: { "advprop.preprocessing": preprocessing },
  });
  mkdirSync(photos);
  for (const [name, [r, g, b]] of Object.entries(COLOURS)) {
    await sharp({ create: { width: 20, height: 12, channels: 3, background: { r, g, b } } }).toFile(join(photos, name));
  }
});

/** What is printed. */
async function predicted(
  given: string[],
  options: { top?: number; to?: string; json?: boolean } = {},
): Promise<string> {
  const out: string[] = [];
  const write = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => out.push(String(chunk)) > 0);
  const log = vi.spyOn(console, "log").mockImplementation((line) => void out.push(`${line}\n`));
  onTestFinished(() => {
    write.mockRestore();
    log.mockRestore();
  });
  const rest = { quiet: true, opening: { threads: 1 }, machine: [{ path: "data.workers", value: 1 }] };
  await runPredict({ model, photos: given, top: 5, to: undefined, json: false, ...options, ...rest });
  return out.join("");
}

test("prints the classes of each photo of a folder, the most probable first, without libtorch", () => {
  const { status, stdout, stderr } = advprop(["predict", model, photos, "--top", "2"], {
    NODE_OPTIONS: `--require ${BLOCK}`,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const share = (own: number, others: number[]) =>
    (100 / (1 + others.reduce((sum, other) => sum + Math.exp((9 * (other - own)) / 255), 0))).toFixed(1).padStart(5);
  expect(stdout.split("\n")).toEqual([
    join(photos, "blue, green.png"),
    `  ${share(250, [0, 120])} %  blue "sky"`,
    `  ${share(120, [0, 250])} %  green`,
    join(photos, "red.png"),
    "  100.0 %  red",
    expect.stringMatching(/^ {4}0\.0 % {2}(?:green|blue "sky")$/),
    "",
  ]);
});

test("writes a CSV table instead of printing", async () => {
  const to = join(folder, "classes.csv");
  expect(await predicted([photos], { to, top: 1 })).toBe("");
  const [head, blue, red, end] = readFileSync(to, "utf8").split("\r\n");
  expect(head).toBe("photo,class 1,probability 1,error");
  expect(blue).toMatch(/^".*blue, green\.png","blue ""sky""",0\.98\d+,$/);
  expect(red).toMatch(/red\.png,red,0\.99\d+,$/);
  expect(end).toBe("");
});

test("names and counts unreadable photos at the end", async () => {
  const broken = join(folder, "broken.jpg");
  writeFileSync(broken, "no photo");
  const red = join(photos, "red.png");
  const to = join(folder, "some.csv");
  const error = await codedRejection(predicted([broken, red, join(folder, "none.jpg")], { to, top: 1 }));
  expect(error).toMatchObject({ code: "ERR_BAD_IMAGES", exitCode: 1 });
  expect(error.message).toContain("2 of 3 photos could not be read; the others were classified:\n");
  expect(error.message).toMatch(/broken\.jpg: it is text/);
  const [, first, second, third] = readFileSync(to, "utf8").split("\r\n");
  expect(first).toMatch(/broken\.jpg,,,.*it is text/);
  expect(second).toMatch(/red\.png,red,/);
  expect(third).toMatch(/none\.jpg,,,.*ENOENT/);
});

test("a photo, or another input, is not overwritten", async () => {
  const red = join(photos, "red.png");
  const before = readFileSync(red);
  expect((await codedRejection(predicted([photos], { to: red }))).message).toContain(
    "must name a file that ends in .csv",
  );
  expect(readFileSync(red)).toEqual(before);
  const odd = join(folder, "photo.csv");
  writeFileSync(odd, before);
  const error = await codedRejection(predicted([odd], { to: odd }));
  expect(error).toMatchObject({ code: "ERR_PATH", exitCode: 2 });
  expect(readFileSync(odd)).toEqual(before);
});

test.each([
  ["--device", "cpu"],
  ["--precision", "bf16"],
  ["--memory-limit", "1KB"],
  ["--route", "aux"],
  ["--checkpoint", "last"],
])("refuses %s, which does nothing for an ONNX file", (...flag) => {
  const { status, stderr } = advprop(["predict", model, photos, ...flag]);
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: `advprop: ${flag[0]} does not apply to an ONNX file; got ${model}. Leave it out [ERR_FLAG]\n`,
  });
});

test("gives the same as JSON", async () => {
  const result = JSON.parse(await predicted([join(photos, "red.png")], { json: true, top: 1 }));
  const predictions = [{ class: "red", probability: expect.closeTo(0.9996, 3) }];
  expect(result).toEqual({ model, photos: [{ photo: join(photos, "red.png"), predictions }] });
});

test("a missing folder for the output is reported before the work", async () => {
  const error = await codedRejection(predicted([photos], { to: join(folder, "none", "classes.csv") }));
  expect(error).toMatchObject({ code: "ERR_WRITE", exitCode: 2 });
});

test("refuses a --top that is not a number", () => {
  const { status, stderr } = advprop(["predict", model, photos, "--top", "x"]);
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: "advprop: predict: --top must be a whole number of at least 1; got x [ERR_FLAG]\n",
  });
});

test("ONNX Runtime writes no telemetry into the user's cache folder", () => {
  const cache = join(folder, "cache");
  // Some of these turn the telemetry off by themselves.
  const env = { XDG_CACHE_HOME: cache, CI: "", GITHUB_ACTIONS: "", ORT_RUNNING_UNIT_TESTS: "" };
  expect(advprop(["predict", model, join(photos, "red.png")], env).status).toBe(0);
  expect(existsSync(cache)).toBe(false);
});
