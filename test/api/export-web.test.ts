/** The folder of an exported page: its contents, and wrong arguments. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { exportWeb } from "../../src/api/export/export-web.js";
import { openClassifier } from "../../src/api/photo-classifier.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { setThreads } from "../../src/tensor/index.js";
import { advprop } from "../support/cli.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { trainTenSteps } from "../support/trained.js";

const folder = sharedTemporaryFolder();
const [first, second] = ["first", "second"].map((name) => join(folder, `${name}.safetensors`));

beforeAll(() => {
  setThreads(1);
  const write = (path: string, classes: readonly string[], imageSize: number) => {
    const model = trainTenSteps(createClassifier("resnet8", { classes, imageSize }).initialize(0));
    exportWeights(model, path, { auxiliary: false });
    model.dispose();
  };
  write(first, ["x", "y", "z"], 32);
  write(second, ["n01440764", "pear"], 40);
});

test("two models are in one folder with the page, the runtime and facts about the models", async () => {
  const to = join(temporaryFolder(), "new", "page");
  const result = await exportWeb([first, second], to);
  expect(readdirSync(to).sort()).toEqual([
    "LICENSES.txt",
    "assets",
    "index.html",
    "model-1.onnx",
    "model-2.onnx",
    "models.json",
  ]);
  const models = JSON.parse(readFileSync(join(to, "models.json"), "utf8"));
  expect(models).toMatchObject([
    { file: "model-1.onnx", name: "first", model: "resnet8", imageSize: 32, classes: ["x", "y", "z"] },
    { file: "model-2.onnx", name: "second", model: "resnet8", imageSize: 40, classes: ["tench", "pear"] },
  ]);
  expect(models[0].view).toEqual({ cropFraction: 0.875, interpolation: "bicubic" });
  expect(models[0].bytes).toBe(readFileSync(join(to, "model-1.onnx")).length);
  expect(JSON.stringify(models)).not.toContain(folder);
  expect(result).toMatchObject({
    format: "web",
    folder: to,
    models: [{ from: first, verification: { images: 8 } }, {}],
  });
  const notices = readFileSync(join(to, "LICENSES.txt"), "utf8");
  for (const notice of [/^preact .*MIT$/m, /^Copyright .*Jason Miller$/m, /^Copyright .*Microsoft/m])
    expect(notices).toMatch(notice);
  const classifier = await openClassifier(join(to, "model-1.onnx"));
  expect(classifier.classes).toEqual(["x", "y", "z"]);
  await classifier.close();
  // One build of the runtime, without the builds for GPUs.
  const assets = readdirSync(join(to, "assets"));
  expect(assets.filter((name) => name.endsWith(".wasm"))).toHaveLength(1);
  expect(result.bytes).toBeLessThan(20e6);
});

test("nothing in the folder names another host", async () => {
  const to = temporaryFolder();
  await exportWeb([first], to);
  expect(readdirSync(to)).toContain("model.onnx");
  const text = readFileSync(join(to, "index.html"), "utf8");
  expect(text).toContain("default-src 'self'");
  expect(text).not.toMatch(/https?:\/\//);
  for (const [, path] of text.matchAll(/(?:src|href)="(?!data:)([^"]+)"/g))
    expect(existsSync(join(to, path))).toBe(true);
});

test("images of another size, for both models", async () => {
  const to = temporaryFolder();
  const { models } = await exportWeb([first, second], to, { imageSize: 48 });
  expect(models.map(({ imageSize }) => imageSize)).toEqual([48, 48]);
});

test.each([
  [0, "export: a page shows one model or two; got 0"],
  [3, "export: a page shows one model or two; got 3"],
])("%i models are refused", async (count, message) => {
  const error = await codedRejection(exportWeb(Array(count).fill(first), join(folder, "refused")));
  expect(error).toMatchObject({ code: "ERR_EXPORT", message });
  expect(existsSync(join(folder, "refused"))).toBe(false);
});

test("a folder that is not empty is refused, and not changed", async () => {
  const to = temporaryFolder();
  writeFileSync(join(to, "notes.txt"), "mine");
  const error = await codedRejection(exportWeb([first], to));
  expect(error).toMatchObject({
    code: "ERR_EXPORT",
    message: expect.stringContaining("must be a new or empty folder"),
  });
  expect(readdirSync(to)).toEqual(["notes.txt"]);
});

test("a failed export leaves nothing behind, and the remains of a killed export do not block the next one", async () => {
  const outer = temporaryFolder();
  const missing = await codedRejection(exportWeb([first, join(folder, "none")], join(outer, "a", "b")));
  expect(missing.message).toContain(join(folder, "none"));
  expect(readdirSync(outer)).toEqual([]);
  const small = await codedRejection(exportWeb([first], outer, { imageSize: 15 }));
  expect(small).toMatchObject({ code: "ERR_EXPORT", message: expect.stringContaining("at least 16 pixels per side") });
  expect(readdirSync(outer)).toEqual([]);
  mkdirSync(join(outer, ".export.tmp"));
  await exportWeb([first], outer);
  expect(readdirSync(outer)).not.toContain(".export.tmp");
});

test("the command writes the page, and prints how to serve it", () => {
  const to = join(temporaryFolder(), "my page");
  const { status, stdout, stderr } = advprop(["export", first, second, "--format", "web", "--to", to]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain(`${to}: a page that classifies photos in the browser, 1`);
  expect(stdout).toMatch(
    /\n {2}first: resnet8 \(from .*first\.safetensors\); on \d+ images, .*, the logits of ONNX Runtime differ/,
  );
  expect(stdout).toContain(`python3 -m http.server --directory '${to}' 8000`);
});

test.each([
  [["--to", "model.onnx"], /a file holds one model; got .*second.safetensors too\. .*--format web/],
  [
    ["--to", "page", "--format", "web", "--softmax"],
    /--softmax is only for files; a web page has a fixed value\. Leave it out/,
  ],
  [["--to", "page", "--format", "web", "--input", "uint8-nhwc"], /--input is only for files/],
  [["--to", "page", "--format", "webb"], /--format must be onnx, safetensors or web; got webb\. Did you mean web\?/],
])("the command refuses %j", (flags, message) => {
  const { status, stderr } = advprop(["export", first, second, ...flags]);
  expect(status).toBe(2);
  expect(stderr).toMatch(message);
});
