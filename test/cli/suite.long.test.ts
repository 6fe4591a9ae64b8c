/** `evaluate --suite standard` as a user sees it: several models, also after a kill. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { uniqueNames } from "../../src/api/evaluation/benchmark.js";
import { SHAPES_CLASSES } from "../../src/data/shapes/shapes.js";
import { modelName, type OpenedPredictor } from "../../src/predictors/opened.js";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { writeOnnx } from "../support/onnx.js";
import { picture, writePicture } from "../support/photos.js";
import { checkWellFormed } from "../support/well-formed.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const IMAGES = 10;
/** Clean, 75 corruptions, stylised; four radii of PGD; Square. */
const [SHARED, WHITE_BOX, BLACK_BOX] = [77, 4, 1];

describe("a run of ours and an ONNX file", () => {
  const folder = sharedTemporaryFolder();
  const run = join(folder, "eps0.5");
  const onnx = join(folder, "colours.v2.onnx");
  const output = join(folder, "report");
  const args = [
    ...["evaluate", run, onnx, "--suite", "standard", "--to", output, "--limit-test", String(IMAGES)],
    ...["--threads", "1", "--onnx", "pixelRange=0-1"],
  ];

  beforeAll(() => {
    const training = ["--model", "resnet8", "--limit-train", "32", "--batch-size", "16", "--epochs", "1"];
    const trained = advprop(["train", "--data", "shapes", ...training, "--threads", "1", "--run", run, "--quiet"]);
    expect(trained.stderr).toBe("");
    writeOnnx(onnx, {
      weights: SHAPES_CLASSES.map((_, k) => [Math.sin(k), Math.cos(3 * k), Math.sin(5 * k)] as const),
      shape: ["batch", 3, 32, 32],
      metadata: {},
    });
    writeFileSync(`${onnx}.json`, JSON.stringify({ classes: SHAPES_CLASSES }));
  }, 60_000);

  test("after a kill the same command continues, measures nothing twice, and writes the report", async () => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: "ignore" });
    const measurements = join(output, "measurements");
    const finished = () =>
      existsSync(measurements) ? readdirSync(measurements).filter((name) => name.endsWith(".json")) : [];
    while (finished().length < 15 && child.exitCode === null) await setTimeout(20);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    const saved = finished();
    const total = 2 * SHARED + WHITE_BOX + 2 * BLACK_BOX;
    expect(saved.length).toBeGreaterThanOrEqual(15);
    expect(saved.length).toBeLessThan(total);
    expect(existsSync(join(output, "report.json"))).toBe(false);
    const writtenAt = saved.map((name) => statSync(join(measurements, name)).mtimeMs);

    const resumed = advprop([...args, "--json"]);
    expect(resumed.stderr).toContain(`${total - saved.length} measured, ${saved.length} taken`);
    expect(resumed.status).toBe(0);
    expect(saved.map((name) => statSync(join(measurements, name)).mtimeMs)).toEqual(writtenAt);
    expect(finished()).toHaveLength(total);

    const result = JSON.parse(resumed.stdout);
    expect(result).toMatchObject({ schema: 1, data: { name: "shapes", images: IMAGES, classes: 10 } });
    expect(result.models.map(({ name }: { name: string }) => name)).toEqual(["eps0.5", "colours.v2"]);
    expect(result.remarks[0]).toContain("colours.v2: an ONNX file gives no gradients");
    const rows: Record<string, (unknown | null)[]> = Object.fromEntries(
      result.measures.map(({ name, values }: { name: string; values: unknown[] }) => [name, values]),
    );
    // ONNX allows only the black-box attack, so both models get it.
    expect(rows["accuracy under PGD-10, 4/255, white-box"][1] ?? null).toBeNull();
    expect(rows["accuracy under Square, 1000 queries, 8/255, black-box"]).toEqual([
      expect.objectContaining({ count: IMAGES }),
      expect.objectContaining({ count: IMAGES }),
    ]);

    checkWellFormed(readFileSync(join(output, "report.html"), "utf8"));
    expect(readdirSync(output).sort()).toEqual(
      ["measurements", "pictures", "report.csv", "report.html", "report.json", "report.md"].sort(),
    );
    for (const name of ["report.html", "report.md", "report.csv"]) {
      const text = readFileSync(join(output, name), "utf8");
      for (const model of ["eps0.5", "colours.v2"]) expect(text, name).toContain(model);
    }
    const markdown = readFileSync(join(output, "report.md"), "utf8");
    const pictures = [...markdown.matchAll(/\]\((pictures\/[^)]+)\)/g)].map(([, path]) => path);
    expect(pictures.length).toBeGreaterThan(20);
    for (const path of pictures) expect(existsSync(join(output, path)), path).toBe(true);
  });

  test("saved measurements are used again, for another order of the models and for one model alone", () => {
    const again = advprop(args.map((arg) => (arg === run ? onnx : arg === onnx ? run : arg)));
    expect(again.stderr).toContain("0 measured, ");
    expect(again.stdout).toContain("Robustness of colours.v2, eps0.5");
    expect(again.stdout).toContain("eps0.5 minus colours.v2");
    const alone = advprop(args.filter((arg) => arg !== onnx && arg !== "--onnx" && arg !== "pixelRange=0-1"));
    expect(alone.stderr).toContain(`0 measured, ${SHARED + WHITE_BOX} taken`);
    expect(alone.stdout).not.toContain("Differences");
  });

  test("photographs of frost change only the key of frost", async () => {
    const frost = join(folder, "frost");
    await writePicture(join(frost, "a.png"), picture(1));
    const once = advprop([...args, "--frost-textures", frost]);
    expect(once.stderr).toContain("10 measured, ");
    expect(once.stdout).toContain(`frost from the photographs in ${frost}`);
    await writePicture(join(frost, "a.png"), picture(2));
    expect(advprop([...args, "--frost-textures", frost]).stderr).toContain("10 measured, ");
  });
});

test("models with the same name get different numbers", () => {
  const model = (file: string) => ({ file, name: modelName(file) }) as OpenedPredictor;
  const models = ["a/run", "b/run", "run (2)", "c/run"].map(model);
  expect([...uniqueNames(models).values()]).toEqual(["run", "run (2)", "run (2) (2)", "run (3)"]);
});

describe("misuse", () => {
  test.each([
    [["a", "b"], "Add --suite standard"],
    [["a", "--to", "b"], "Add --suite standard"],
    [["a", "--frost-textures", "b"], "--frost-textures is only for a suite"],
    [["a", "--suite", "stanard"], "--suite must be standard"],
    [["a", "--suite", "standard", "--attack", "pgd"], "leave --attack out"],
    [["a.safetensors", "--suite", "standard", "--data", "shapes"], "a.safetensors"],
  ])("%j", (args, message) => {
    const { status, stderr } = advprop(["evaluate", ...args]);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});
