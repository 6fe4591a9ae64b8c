/** A run and its evaluation with a thousand classes. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import type { EvaluationFile } from "../../src/runs/schema.js";
import { advprop } from "../support/cli.js";
import { temporaryFolder } from "../support/folders.js";
import { picture } from "../support/picture.js";

/** A folder with one image per class and split. All have the same pixels, but a description of their own, because `train` refuses copies. */
async function writeClasses(folder: string, count: number): Promise<void> {
  const pixels = picture(32);
  for (let k = 0; k < count; k++) {
    for (const part of ["train", "test"]) {
      const file = join(folder, "photos", part, `c${k}`, "0.png");
      mkdirSync(dirname(file), { recursive: true });
      const image = sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } });
      await image.withExif({ IFD0: { ImageDescription: `${part} ${k}` } }).toFile(file);
    }
  }
}

test.each([1000, 1001])("%i classes are trained, evaluated, saved and drawn", async (count) => {
  const folder = temporaryFolder();
  await writeClasses(folder, count);
  const run = join(folder, "run");
  const settings = [
    "--model",
    "resnet8",
    "--image-size",
    "32",
    "--batch-size",
    "100",
    "--epochs",
    "1",
    "--lr",
    "0.001",
  ];
  const args = ["--data", join(folder, "photos"), "--method", "vanilla", ...settings, "--threads", "1", "--run", run];
  const trained = advprop(["train", ...args, "--quiet"]);
  expect(trained.status, trained.stderr).toBe(0);
  const evaluated = advprop(["evaluate", run, "--threads", "1"]);
  expect(evaluated.status, evaluated.stderr).toBe(0);
  expect(evaluated.stdout).toContain(`10 of ${count} classes, the lowest first:`);
  expect(evaluated.stdout.split("\n").length).toBeLessThan(20);

  const files = readdirSync(join(run, "evaluation")).sort();
  // The folder before these files has the worst mistakes.
  const [, json, png] = files.map((file) => join(run, "evaluation", file));
  const result = JSON.parse(readFileSync(json, "utf8")) as EvaluationFile;
  expect(result).toMatchObject({ count });
  // All images are equal, so all get the same prediction.
  const predicted = count === 1000 ? result.confusion![7].indexOf(1) : result.confusionCounts![7][1];
  expect(result.confusion).toEqual(
    count > 1000 ? undefined : Array.from({ length: count }, () => new Array(count).fill(0).with(predicted, 1)),
  );
  expect(result.confusionCounts).toEqual(
    count > 1000 ? Array.from({ length: count }, (_, label) => [label, predicted, 1]) : undefined,
  );
  expect(await sharp(png).metadata()).toMatchObject({ format: "png", width: expect.any(Number) });
});
