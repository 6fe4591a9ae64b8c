/** Compares the page of `exportWeb` in a browser with the same classifiers in Node. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { exportWeb } from "../../src/api/export/export-web.js";
import { openClassifier } from "../../src/api/photo-classifier.js";
import { train } from "../../src/api/training/train.js";
import { mostProbable, type Prediction } from "../../src/evaluation/classes/most-probable.js";
import { exportWeights } from "../../src/export/safetensors.js";
import { decodeImage } from "../../src/images/decode.js";
import { createClassifier } from "../../src/models/registry.js";
import { openPredictor } from "../../src/predictors/open.js";
import { corrupted, NO_CORRUPTION, type Severities } from "../../src/web/classify/corruptions.js";
import { squareOf } from "../../src/web/classify/square.js";
import { browserFor, type OpenedPage, type TestBrowser } from "../support/browser.js";
import { hasChromium } from "../support/chromium.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { picture } from "../support/photos.js";
import { serveFolder } from "../support/static-server.js";
import { trainTenSteps } from "../support/trained.js";

/** Tolerance of a probability if the browser decodes to the same pixels: only the rounding of the network. */
const SAME_PIXELS = 1e-5;
/** Tolerance if blending on white or the reduced decoding of a large JPEG changes pixels by a level or two. */
const NEAR_PIXELS = 0.01;

describe.skipIf(!hasChromium)("the exported page", () => {
  const folder = sharedTemporaryFolder();
  const path = (name: string) => join(folder, name);
  let pair: TestBrowser;
  let unlike: TestBrowser;

  beforeAll(async () => {
    // Two runs on the same data set, as in a comparison.
    for (const method of ["vanilla", "advprop"] as const) {
      const shapes = { images: 512, validationImages: 32, testImages: 32 };
      const recipe = { model: "resnet8", method, data: { path: "shapes", imageSize: 32, shapes }, threads: 1 };
      await train({ ...recipe, training: { epochs: 2, batchSize: 32 } }, { run: path(method) });
    }
    await exportWeb([path("vanilla"), path("advprop")], path("pair"));
    // Two models that share neither classes nor image size.
    const other = trainTenSteps(
      createClassifier("resnet8", { classes: ["apple", "pear"], imageSize: 48 }).initialize(1),
    );
    exportWeights(other, path("fruit.safetensors"), { auxiliary: false });
    other.dispose();
    await exportWeb([path("vanilla"), path("fruit.safetensors")], path("unlike"));

    await picture(1, 90, 61).png().toFile(path("wide.png"));
    await picture(2, 400, 330).jpeg().toFile(path("photo.jpg"));
    // Its upright width is 57.
    await picture(3, 80, 57).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toFile(path("turned.jpg"));
    await picture(4, 64, 64).ensureAlpha(0.4).png().toFile(path("glass.png"));
    await picture(5, 64, 48).webp({ lossless: true }).toFile(path("lossless.webp"));
    writeFileSync(path("notes.txt"), "no photo");
    writeFileSync(path("broken.png"), readFileSync(path("wide.png")).subarray(0, 200));

    const servers = await Promise.all(["pair", "unlike"].map((name) => serveFolder(path(name))));
    [pair, unlike] = await Promise.all(servers.map(({ url }) => browserFor(url)));
    return async () => {
      await Promise.all([pair.close(), unlike.close()]);
      for (const server of servers) server.close();
    };
  }, 120_000);

  test.each([
    ["wide.png", SAME_PIXELS],
    ["glass.png", NEAR_PIXELS],
    ["lossless.webp", SAME_PIXELS],
    ["photo.jpg", NEAR_PIXELS],
    ["turned.jpg", NEAR_PIXELS],
  ])("gives the same predictions for %s as the classifiers in Node", async (name, tolerance) => {
    const { page, complaints } = await pair.open();
    await choose(page, path(name));
    for (const [i, shown] of (await answersOn(page)).entries()) {
      const classifier = await openClassifier(path(`pair/model-${i + 1}.onnx`));
      expectNear(shown, await classifier.classify(path(name)), tolerance);
      await classifier.close();
    }
    expect(complaints).toEqual([]);
  });

  test("loads nothing from outside of its folder, and nothing at all after it is loaded", async () => {
    const { page, requests } = await pair.open();
    await ready(page);
    const server = new URL(page.url()).origin;
    const loaded = requests.length;
    expect(requests.filter((url) => !url.startsWith(server) && !url.startsWith("data:"))).toEqual([]);
    expect(requests.filter((url) => url.endsWith(".wasm"))).toHaveLength(1);
    await page.context().setOffline(true);
    await choose(page, path("wide.png"));
    await slide(page, { gaussian_noise: 3 });
    expect(requests.slice(loaded)).toEqual([]);
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(false);
  });

  test("its sliders apply the corruptions of the library, and the reset removes them", async () => {
    const { page } = await pair.open();
    await choose(page, path("wide.png"));
    const clean = await answersOn(page);
    const severities = { gaussian_blur: 1, contrast: 2, gaussian_noise: 3, pixelate: 1, jpeg_compression: 4 };
    await slide(page, severities);
    const square = await squareUnder(severities);
    expect(await pixelsOn(page)).toEqual([...square]);
    const shown = await answersOn(page);
    for (const [i, answer] of shown.entries()) {
      const predictor = await openPredictor(path(`pair/model-${i + 1}.onnx`));
      const logits = await predictor.logits({ pixels: square, height: 32, width: 32 });
      expectNear(answer, mostProbable(logits as Float32Array, predictor.classes, 5), SAME_PIXELS);
      await predictor.close();
    }
    expect(shown).not.toEqual(clean);
    const changed = clean.map(([before], i) => before.class !== shown[i][0].class);
    const marks = await page.locator(".mark").allInnerTexts();
    expect(marks).toEqual(changed.map((one) => (one ? "✕ changed" : "✓ unchanged")));
    await page.getByRole("button", { name: "Reset all" }).click();
    await settled(page);
    expect(await answersOn(page)).toEqual(clean);
    expect(await page.locator(".mark").count()).toBe(0);
  });

  /** What the network sees of wide.png. */
  async function squareUnder(severities: Severities): Promise<Uint8Array> {
    const { view } = JSON.parse(readFileSync(path("pair/models.json"), "utf8"))[0];
    return corrupted(squareOf(await decodeImage(readFileSync(path("wide.png")), "wide.png"), 32, view), 32, severities);
  }

  test("can be used with the keyboard alone, and announces changes to screen readers", async () => {
    const { page } = await pair.open();
    let choosers = 0;
    page.on("filechooser", () => choosers++);
    await choose(page, path("wide.png"));
    await page.getByRole("slider", { name: "Noise" }).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await settled(page);
    expect(await pixelsOn(page)).toEqual([...(await squareUnder({ ...NO_CORRUPTION, gaussian_noise: 2 }))]);
    expect(await page.getByRole("slider", { name: "Noise" }).getAttribute("aria-valuetext")).toBe("severity 2");
    const [first, second] = (await answersOn(page)).map(([{ class: name }]) => name);
    const said = page.getByRole("status").filter({ hasText: "%" });
    expect(await said.innerText()).toMatch(new RegExp(`^vanilla: ${first}, \\d+\\s%. advprop: ${second}, \\d+\\s%.$`));
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => choosers).toBe(1);
  });

  test("takes dropped and pasted photos, and says what other files are", async () => {
    const { page } = await pair.open();
    await ready(page);
    const problem = page.getByRole("alert");
    await give(page, "drop", path("notes.txt"));
    await problem.filter({ hasText: "notes.txt is text. Choose a photo: a JPEG, PNG, WebP, AVIF or GIF." }).waitFor();
    await give(page, "drop", path("broken.png"));
    await problem
      .filter({ hasText: "broken.png is a PNG that the browser cannot decode. The file is incomplete or damaged." })
      .waitFor();
    await give(page, "drop", path("wide.png"));
    await page.getByRole("img", { name: "wide.png" }).waitFor();
    expect(await problem.count()).toBe(0);
    const before = await answersOn(page);
    await give(page, "paste", path("photo.jpg"));
    await page.getByRole("img", { name: "photo.jpg" }).waitFor();
    expect(await answersOn(page)).not.toEqual(before);
    await give(page, "paste", undefined);
    await problem.filter({ hasText: "That was not a file" }).waitFor();
    // The previous photo stays visible.
    expect(await page.getByRole("img", { name: "photo.jpg" }).count()).toBe(1);
  });

  test("names the missing file if the folder was not copied completely", async () => {
    const { page } = await pair.open();
    await page.route("**/model-2.onnx", (route) => route.fulfill({ status: 404 }));
    await page.reload();
    const problem = page.getByRole("alert");
    await problem.filter({ hasText: "/model-2.onnx was not found (404). Was the whole folder copied?" }).waitFor();
    await page.locator("input[type=file]").setInputFiles(path("wide.png"));
    await problem.filter({ hasText: "The models could not be loaded. Load the page again." }).waitFor();
  });

  test("shows models with different classes and sizes correctly", async () => {
    const { page } = await unlike.open();
    await choose(page, path("wide.png"));
    const captions = await page.locator("figcaption").allInnerTexts();
    expect(captions.map((text) => text.replaceAll("\u00a0", " "))).toEqual([
      "what A sees, 32 × 32 pixels",
      "what B sees, 48 × 48 pixels",
    ]);
    const shown = await answersOn(page);
    for (const [i, classes] of [5, 2].entries()) {
      const classifier = await openClassifier(path(`unlike/model-${i + 1}.onnx`));
      expect(shown[i]).toHaveLength(classes);
      expectNear(shown[i], await classifier.classify(path("wide.png")), SAME_PIXELS);
      await classifier.close();
    }
  });

  test.each([
    ["light", 1280],
    ["dark", 1280],
    ["light", 360],
    ["dark", 320],
  ] as const)("fits the window and has enough contrast, %s at %i pixels", async (colorScheme, width) => {
    const { page } = await pair.open({ colorScheme, viewport: { width, height: 800 } });
    await choose(page, path("wide.png"));
    await slide(page, { gaussian_noise: 4 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    expect(await lowestContrast(page)).toBeGreaterThan(4.5);
  });
});

async function ready(page: Page): Promise<void> {
  await page.locator(".loading").waitFor({ state: "detached" });
  expect(await page.getByRole("alert").allInnerTexts()).toEqual([]);
}

/** Waits until no photo is being decoded or classified. */
async function settled(page: Page): Promise<void> {
  await page.locator("main[aria-busy=false]").waitFor();
}

async function choose(page: Page, photo: string): Promise<void> {
  await ready(page);
  await page.locator("input[type=file]").setInputFiles(photo);
  await page.getByRole("img").first().waitFor();
  await settled(page);
}

async function slide(page: Page, severities: Partial<Severities>): Promise<void> {
  for (const [name, severity] of Object.entries(severities)) {
    await page.locator(`input[name=${name}]`).fill(String(severity));
  }
  await settled(page);
}

/** Drops or pastes a file, or nothing. */
async function give(page: Page, how: "drop" | "paste", file: string | undefined): Promise<void> {
  const contents = file === undefined ? undefined : [...readFileSync(file)];
  await page.evaluate(
    ([type, name, bytes]) => {
      const transfer = new DataTransfer();
      if (bytes !== undefined) transfer.items.add(new File([Uint8Array.from(bytes)], name));
      const event =
        type === "drop"
          ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
          : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
      document.body.dispatchEvent(event);
    },
    [how, file?.split("/").at(-1) ?? "", contents] as const,
  );
}

/** The shown predictions of each model; the widths of the bars have all digits. */
function answersOn(page: OpenedPage["page"]): Promise<Prediction[][]> {
  return page.locator(".model").evaluateAll((cards) =>
    cards.map((card) =>
      [...card.querySelectorAll("li")].map((row) => ({
        class: row.querySelector(".name")!.textContent ?? "",
        probability: Number.parseFloat(row.querySelector<HTMLElement>(".bar")!.style.width) / 100,
      })),
    ),
  );
}

/** The colours of the picture. */
function pixelsOn(page: Page): Promise<number[]> {
  return page.locator("canvas").evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return [...data].filter((_, i) => i % 4 !== 3);
  });
}

/** Classes of nearly the same probability may be in another order. */
function expectNear(shown: readonly Prediction[], expected: readonly Prediction[], tolerance: number): void {
  expect(shown).toHaveLength(expected.length);
  for (const [i, { class: name, probability }] of shown.entries()) {
    expect(Math.abs(probability - expected[i].probability)).toBeLessThan(tolerance);
    const same = expected.find((one) => one.class === name);
    if (same !== undefined) expect(Math.abs(probability - same.probability)).toBeLessThan(tolerance);
  }
}

/** The smallest contrast ratio of a text to its background by WCAG 2.2, without disabled buttons. */
function lowestContrast(page: Page): Promise<number> {
  return page.evaluate(() => {
    const channels = (colour: string): number[] => colour.match(/[\d.]+/g)!.map(Number);
    const luminance = (colour: string): number => {
      const [red, green, blue] = channels(colour).map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ground = (element: Element): string => {
      const { backgroundColor } = getComputedStyle(element);
      const [, , , alpha = 1] = channels(backgroundColor);
      return alpha > 0 || element.parentElement === null ? backgroundColor : ground(element.parentElement);
    };
    const texts = [...document.querySelectorAll("main *")].filter(
      (element) => !element.matches(":disabled") && [...element.childNodes].some(({ nodeType }) => nodeType === 3),
    );
    const ratios = texts.map((element) => {
      const [dark, light] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => a - b);
      return (light + 0.05) / (dark + 0.05);
    });
    return Math.min(...ratios);
  });
}
