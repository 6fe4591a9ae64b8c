/** The program for browsers in docs/deploying.md, bundled by vite without changes. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { expect, onTestFinished, test } from "vitest";
import { exportModel } from "../../src/api/export/export-model.js";
import { openClassifier } from "../../src/api/photo-classifier.js";
import { mostProbable } from "../../src/evaluation/classes/most-probable.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { browserFor } from "../support/browser.js";
import { hasChromium } from "../support/chromium.js";
import { picture } from "../support/photos.js";
import { serveFolder } from "../support/static-server.js";
import { trainTenSteps } from "../support/trained.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A folder in the package, so that the program in it can import ONNX Runtime by its name. */
const folder = join(ROOT, "build", "own-page-test");
/** Tolerance, because a canvas resizes differently from Pillow. */
const TOLERANCE = 0.02;

test.skipIf(!hasChromium)("the program for an own page gives nearly the same predictions", async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "public"), { recursive: true });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const model = trainTenSteps(createClassifier("resnet8", { classes: ["x", "y", "z"], imageSize: 40 }).initialize(1));
  exportWeights(model, join(folder, "weights.safetensors"), { auxiliary: false });
  model.dispose();
  const onnx = join(folder, "public", "model.onnx");
  await exportModel(join(folder, "weights.safetensors"), onnx);
  const photo = join(folder, "public", "photo.png");
  await picture(1, 90, 61).png().toFile(photo);

  const page = readFileSync(join(ROOT, "docs/deploying.md"), "utf8");
  const [, program] = /<!-- run by test\/web\/own-page.long.test.ts -->\n```js\n([\s\S]*?)\n```/.exec(page)!;
  writeFileSync(join(folder, "main.js"), `${program}\nwindow.logitsOf = logitsOf;\n`);
  writeFileSync(join(folder, "index.html"), '<!doctype html><script type="module" src="./main.js"></script>');
  await build({ root: folder, configFile: false, logLevel: "error", build: { target: "es2022" } });

  const server = await serveFolder(join(folder, "dist"));
  onTestFinished(server.close);
  const browser = await browserFor(server.url);
  onTestFinished(browser.close);
  const opened = await browser.open();
  await opened.page.waitForFunction("window.logitsOf");
  const logits = await opened.page.evaluate<number[]>(
    'fetch("photo.png").then((photo) => photo.blob()).then((photo) => logitsOf(photo, 40, 0.875)).then((logits) => [...logits])',
  );
  const classifier = await openClassifier(onnx);
  const expected = await classifier.classify(photo);
  const shown = mostProbable(Float32Array.from(logits), classifier.classes, 3);
  for (const { class: name, probability } of expected) {
    const own = shown.find((one) => one.class === name);
    expect(Math.abs(own!.probability - probability)).toBeLessThan(TOLERANCE);
  }
  await classifier.close();
});
