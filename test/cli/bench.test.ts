import { describe, expect, test } from "vitest";
import { type Measurement, summary } from "../../src/cli/bench/measure.js";
import { advprop } from "../support/cli.js";

const TINY = ["bench", "--model", "resnet8", "--batch-size", "4", "--image-size", "16", "--threads", "1"];

/** Multiplications of ResNet-8's forward pass at 16 px, of one image, and those of its first convolution and its first stage. */
const STEM = 3 * 16 * 9 * 16 ** 2;
const FIRST_STAGE = 2 * 16 * 16 * 9 * 16 ** 2;
const FORWARD = STEM + FIRST_STAGE + (16 * 32 + 32 * 32) * 9 * 8 ** 2 + (32 * 64 + 64 * 64) * 9 * 4 ** 2 + 64 * 10;

describe("advprop bench", () => {
  test("measures a step, and counts only the gradients that are computed", () => {
    const attackSteps = 2;
    const { status, stdout } = advprop([
      ...[...TINY, "--method", "advprop", "--attack-steps", String(attackSteps), "--repeats", "2"],
      ...["--json", "--profile"],
    ]);
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      ...{ model: "resnet8", method: "advprop", batchSize: 4, imageSize: 16, attackSteps, precision: "fp32" },
      ...{ threads: 1, repeats: 2, torch: expect.any(String) },
    });
    for (const key of ["msPerStep", "imagesPerSecond", "gflops", "peakMB", "convolutionShare"]) {
      expect(result[key]).toBeGreaterThan(0);
    }
    expect(result.convolutionShare).toBeLessThan(1);
    expect(result.minorFaultsPerStep).toBeGreaterThanOrEqual(0);
    // An attack's gradient: forward pass and gradient of the images. A training pass: forward pass, all gradients but that of the images, and the first
    // stage once more.
    const multiplications = 4 * (attackSteps * 2 * FORWARD + 2 * (3 * FORWARD - STEM + FIRST_STAGE));
    expect(1e9 * result.gigaflopsPerStep).toBeCloseTo(2 * multiplications, 0);
    const { ms, rows } = result.profile;
    const inside = rows.reduce((sum: number, row: { ms: number }) => sum + row.ms, 0);
    expect(inside).toBeLessThanOrEqual(ms);
    // Between operators the process may have to wait for a core.
    expect(inside).toBeGreaterThan(0.2 * ms);
  });

  test("prints the result as text, with the profile as a table", () => {
    const { status, stdout } = advprop([...TINY, "--method", "vanilla", "--repeats", "1", "--profile"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^vanilla of resnet8, 4 images of 16 px, fp32, 1 threads\n {2}ms per step/);
    // The table has the slowest operators, which on a busy machine are not always the same.
    expect(stdout).toMatch(/advprop::[\w ]+(\(\w+ gradient\))? +\d+ +[\d.]+ +[\d.]+ % +[\d.]+ GFLOP\/s/);
    expect(stdout).toContain("outside of operators");
  });

  test("says why steps ran without a CUDA graph, where they could have one", () => {
    const { stdout } = advprop([...TINY, "--method", "vanilla", "--repeats", "1", "--json"]);
    const measured: Measurement = JSON.parse(stdout);
    expect(summary(measured)).not.toContain("CUDA graph");
    const refused = { ...measured, graphRefusal: "the step reads from the GPU" };
    expect(summary(refused)).toMatch(/\n {2}no CUDA graph +the step reads from the GPU$/);
  });

  test("refuses what it cannot measure", () => {
    const { status, stderr } = advprop([...TINY, "--repeats", "0"]);
    expect(status).toBe(2);
    expect(stderr).toContain("--repeats must be a positive integer; got 0");
  });
});
