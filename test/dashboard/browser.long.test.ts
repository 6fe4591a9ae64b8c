/** The dashboard in a browser, on a run while it trains. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { browserFor, type TestBrowser } from "../support/browser.js";
import { hasChromium } from "../support/chromium.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { writeEvaluation, writeRunFolder } from "../support/run-folders.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const TINY = ["--data", "shapes", "--model", "resnet8", "--batch-size", "32", "--limit-train", "128", "--threads", "1"];
const FEW = ["--set", "data.shapes.validationImages=32", "--set", "training.logEverySteps=1", "--quiet"];
const EPOCHS = 3;

/** Long enough on a busy machine. */
const PATIENCE = 60_000;

describe.skipIf(!hasChromium)("the dashboard in a browser", () => {
  const root = sharedTemporaryFolder();
  let program: ChildProcess;
  let browser: TestBrowser;
  let url: string;
  beforeAll(async () => {
    program = spawn(process.execPath, [MAIN, "dashboard", root, "--port", "0"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    url = await new Promise<string>((resolve, reject) => {
      program.stdout!.once("data", (text) => resolve(/http:\S+\d/.exec(String(text))![0]));
      program.once("exit", () => reject(new Error("the dashboard ended")));
    });
    browser = await browserFor(url);
  });
  afterAll(async () => {
    await browser.close();
    const ended = new Promise((resolve) => program.once("exit", resolve));
    program.kill("SIGTERM");
    expect(await ended).toBe(0);
  });

  test("follows a run from its beginning to its end, and shows its results", async () => {
    const { page, requests, complaints } = await browser.open({ acceptDownloads: true });
    page.setDefaultTimeout(PATIENCE);
    await page.getByText("There is no run in").waitFor();

    const training = spawn(
      process.execPath,
      [MAIN, "train", ...TINY, "--epochs", String(EPOCHS), "--run", join(root, "live"), ...FEW],
      { stdio: "inherit" },
    );
    onTestFinished(() => void training.kill("SIGKILL"));
    const ended = new Promise((resolve) => training.once("exit", resolve));
    // A fast machine ends the training before the dashboard looks at the folder again. So the training waits here.
    await expect.poll(() => existsSync(join(root, "live/run.json")), { interval: 5, timeout: PATIENCE }).toBe(true);
    training.kill("SIGSTOP");
    await page.locator(".state.running").waitFor();
    training.kill("SIGCONT");
    // From here on the page is updated live and not loaded again.
    await page.getByRole("button", { name: "live", exact: true }).click();
    await page.locator("figure", { hasText: "Training loss" }).locator("canvas").waitFor();
    expect(new URL(page.url()).searchParams.getAll("run")).toEqual(["live"]);
    await page.getByRole("link", { name: "Runs" }).click();
    await page.getByText(`${EPOCHS}/${EPOCHS}`).waitFor();
    await page.locator(".state.finished").waitFor();
    expect(await ended).toBe(0);

    await page.getByRole("link", { name: "Curves" }).click();
    const loss = page.locator("figure", { hasText: "Training loss" });
    await expect
      .poll(() => loss.locator("tbody tr").allInnerTexts())
      .toEqual([expect.stringMatching(/live, clean\s+\d/), expect.stringMatching(/live, adversarial\s+\d/)]);
    await expect
      .poll(() => page.locator("figure", { hasText: "Validation accuracy" }).locator("tbody tr").count())
      .toBe(2);
    await drawnOn(page, "figure canvas");
    await readByKeyboard(page, loss.getByRole("application"));
    await savesAllOf(page, loss);

    await page.getByRole("link", { name: "Adversarial examples" }).click();
    await page.locator(".examples li").nth(7).waitFor();
    expect(await page.locator(".predictions").first().innerText()).toMatch(/[✓✕] \w+ \d+ %\s+main\s+[✓✕] \w+ \d+ %/);
    await page.getByRole("slider").fill("0");
    await page.getByText("after epoch 1").waitFor();

    await page.getByRole("link", { name: "Norms" }).click();
    const map = page.getByRole("application", { name: /by layer and epoch/ });
    await map.press("ArrowDown");
    await page.getByText(/layer1\.0\.bn1, epoch 1: /).waitFor();
    await drawnOn(page, ".heat-map canvas");

    await page.getByRole("link", { name: "Recipe" }).click();
    await page.getByRole("row", { name: /training\.batchSize\s+32/ }).waitFor();
    expect(complaints).toEqual([]);
    expect(requests.filter((request) => !request.startsWith(url))).toEqual([]);
  });

  test("another browser shows the same for the same address, also dark and narrow", async () => {
    const names = ["vanilla", "advprop"];
    names.forEach((method, i) => {
      const run = writeRunFolder(join(root, `pair/${method}`), { method, epochs: 4 });
      writeEvaluation(run, { accuracy: 0.7 + i / 10 });
    });
    const { page } = await browser.open();
    page.setDefaultTimeout(PATIENCE);
    await page.getByRole("searchbox").fill("pair");
    await page.getByRole("button", { name: "Choose these 2" }).click();
    await page.getByRole("link", { name: "Curves" }).click();
    await page.getByRole("button", { name: "updates" }).click();
    await page.getByLabel("Smoothing").fill("0");
    await page.getByLabel("log scale").check();
    await page.getByRole("heading", { name: "Training loss" }).waitFor();
    await expect.poll(() => page.url()).toContain("log=1");
    const address = page.url();

    const { page: other } = await browser.open({ colorScheme: "dark", viewport: { width: 360, height: 740 } });
    await other.goto(address);
    await expect.poll(() => other.locator(".chosen li").count()).toBe(2);
    expect(await other.getByLabel("Smoothing").inputValue()).toBe("0");
    expect(await other.getByLabel("log scale").isChecked()).toBe(true);
    await drawnOn(other, "figure canvas");
    for (const view of ["Runs", "Curves", "Adversarial examples", "Norms", "Recipe", "Evaluation", "Comparisons"]) {
      await other.getByRole("link", { name: view }).click();
      await expect.poll(() => other.title()).toBe(`${view} · advprop`);
      expect([view, await other.evaluate("document.documentElement.scrollWidth - innerWidth")]).toEqual([view, 0]);
    }
    expect(await other.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(18, 20, 23)");
  });

  test("a confusion matrix of a thousand classes can be read, and a comparison says which is better", async () => {
    const classes = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    const run = writeRunFolder(join(root, "large"));
    writeEvaluation(run, {
      perClass: classes.map((name) => ({ name, count: 50, accuracy: 0.9 })),
      confusion: undefined,
      confusionCounts: classes.flatMap((_, i) => [
        [i, i, 45],
        [i, (i + 7) % 1000, 5],
      ]),
    });
    const { page } = await browser.open();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(`${url}/?view=evaluation&run=large`);
    await page.getByRole("application", { name: /1000 true classes/ }).press("ArrowRight");
    await page.getByText("class 0 classified as class 1: 0 of 50 (0.0 %)").waitFor();
    await page.getByPlaceholder("class").fill("class 999");
    await page.getByRole("row", { name: "class 999 class 6 5 10.0 %" }).waitFor();

    mkdirSync(join(root, "compared"));
    writeFileSync(join(root, "compared/comparison.json"), JSON.stringify(comparison()));
    await page.getByRole("link", { name: "Comparisons" }).click();
    await page.getByText("advprop is better than vanilla in clean accuracy (3.0 points).").waitFor();
  });

  test("a deleted run leaves the page", async () => {
    writeRunFolder(join(root, "short-lived"));
    const { page } = await browser.open();
    page.setDefaultTimeout(PATIENCE);
    await page.getByRole("button", { name: "short-lived" }).waitFor();
    rmSync(join(root, "short-lived"), { recursive: true });
    await page.getByRole("button", { name: "short-lived" }).waitFor({ state: "detached" });
  });
});

/** Waits until a canvas has more than its background colour. */
async function drawnOn(page: Page, selector: string): Promise<void> {
  await expect
    .poll(() =>
      page.evaluate(`(() => {
        const canvas = document.querySelector(${JSON.stringify(selector)});
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const colours = new Set();
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 0) colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
        return colours.size;
      })()`),
    )
    .toBeGreaterThan(8);
}

/** The arrow keys move the cursor, and the values under it are announced. */
async function readByKeyboard(page: Page, chart: ReturnType<Page["getByRole"]>): Promise<void> {
  await chart.focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  const spoken = page.locator("figure", { hasText: "Training loss" }).locator("[aria-live]");
  await expect.poll(() => spoken.textContent()).toMatch(/^epoch 0\.5: live, clean [\d.]+, live, adversarial [\d.]+$/);
}

/** The CSV holds each step's value of each curve. */
async function savesAllOf(page: Page, chart: ReturnType<Page["locator"]>): Promise<void> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    chart.getByRole("link", { name: /CSV/ }).click(),
  ]);
  const lines = readFileSync(await download.path(), "utf8")
    .trimEnd()
    .split("\r\n");
  expect(lines[0]).toBe("run,metric,step,epoch,value");
  expect(lines).toHaveLength(1 + 2 * 4 * EPOCHS);
}

const comparison = () => ({
  schema: 1,
  budget: "epochs",
  repetitions: ["seed 0", "seed 1"],
  arms: ["vanilla", "advprop"].map((name) => ({
    name,
    method: name,
    model: "resnet8",
    epochs: 2,
    unitsPerStep: 1,
    runs: [{ units: 10, seconds: 20 }],
  })),
  measures: [
    {
      name: "clean accuracy",
      better: "higher",
      arms: [
        { arm: "vanilla", mean: 0.8, deviation: 0.01, values: { "seed-0": 0.79, "seed-1": 0.81 } },
        {
          arm: "advprop",
          mean: 0.83,
          deviation: 0.01,
          values: { "seed-0": 0.82, "seed-1": 0.84 },
          difference: { value: 0.03, low: 0.01, high: 0.05, p: 0.01 },
        },
      ],
    },
  ],
  failures: [],
});
