/** Each command of docs/your-own-photos.md does what the page says, on a few small photos. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { SMALL_WEIGHTS } from "../../src/weights/published.js";
import { advprop } from "../support/cli.js";
import { temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const page = readFileSync(fileURLToPath(new URL("../../docs/your-own-photos.md", import.meta.url)), "utf8");
/** The advprop commands in its code blocks. */
const commands = [...page.matchAll(/^ *npx advprop (.*)$/gm)].map(([, command]) => command.trim());

/** Flags that make a training short. */
const SHORT = ["--image-size", "32", "--epochs", "1", "--threads", "1", "--batch-size", "8"];

test("the page names the commands of a whole project", () => {
  const firsts = new Set(commands.map((command) => command.split(" ")[0]));
  for (const name of ["data", "train", "evaluate", "corrupt", "predict", "attack", "export"])
    expect(firsts).toContain(name);
  expect(commands.length).toBeGreaterThan(7);
});

test("all commands of the page succeed in their order", async () => {
  const folder = temporaryFolder();
  const photos = join(folder, "photos");
  for (const [part, count, seed] of [
    ["train", 12, 0],
    ["validation", 4, 100],
    ["test", 4, 200],
  ] as const) {
    await writeClasses(join(photos, part), { cat: count, dog: count }, seed);
  }
  const weights = join(folder, "published.safetensors");
  const published = createClassifier("efficientnet-lite0", { classes: ["a", "b", "c"], routes: [] }).initialize(0);
  exportWeights(published, weights, { auxiliary: false });
  published.dispose();
  for (const command of commands) {
    const given = command
      .replaceAll("PHOTOS-C", join(folder, "photos-c"))
      .replaceAll("PHOTOS", photos)
      .replaceAll("PHOTO", join(photos, "test", "cat", "000.jpg"))
      .replaceAll(SMALL_WEIGHTS, weights)
      .replaceAll("runs/", `${folder}/runs/`)
      .replaceAll(/\b(?=weights\.safetensors|attack\.png|model\.onnx)/g, `${folder}/`)
      .split(" ");
    const isNew = given[0] === "train" && !given.includes("--resume");
    const { status, stderr } = advprop([...given, ...(isNew ? SHORT : [])]);
    expect([command, status, status === 0 ? "" : stderr]).toEqual([command, 0, ""]);
  }
});
