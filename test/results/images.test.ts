/** The photos of a question: none that chose a setting is tested, and each other one is tested in one fold. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as library from "../../src/index.js";
import { temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

interface Training {
  readonly fold?: number;
}
interface Images {
  trained(training: Training): { path: string; split?: { parts: Record<string, readonly string[]> } };
  tested(training: Training): Promise<{ data: string; corrupted: string }>;
}
const { imagesFor } = (await import(new URL("../../results/images.mjs", import.meta.url).href)) as {
  imagesFor(product: unknown, question: unknown, data: string, work: string): Promise<Images>;
};
const product = { library, load: () => import("../../src/data/folders/folds.js") };
const filesIn = (folder: string) =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((file) => file.endsWith(".jpg"));

describe("the photos of a question", () => {
  it("are those of train and test in folds, and the candidates have the set's own parts", async () => {
    const data = temporaryFolder();
    await writeClasses(join(data, "train"), { cat: 4, dog: 4 });
    await writeClasses(join(data, "validation"), { cat: 2, dog: 2 }, 100);
    await writeClasses(join(data, "test"), { cat: 2, dog: 2 }, 200);
    const work = temporaryFolder();
    const images = await imagesFor(product, { photos: true, folds: 3 }, data, work);
    expect(images.trained({})).toEqual({ path: data });
    const tested: string[] = [];
    for (const fold of [0, 1, 2]) {
      const { path, split } = images.trained({ fold });
      expect(filesIn(path)).toHaveLength(12);
      const own = split!.parts.test;
      expect(split!.parts.train).toHaveLength(12 - own.length);
      expect(split!.parts.train.some((file) => own.includes(file))).toBe(false);
      tested.push(...own);
    }
    expect(new Set(tested).size).toBe(12);
    expect(tested.filter((file) => file.includes("validation"))).toEqual([]);

    const { data: folder, corrupted } = await images.tested({ fold: 1 });
    const own = images.trained({ fold: 1 }).split!.parts.test;
    expect(filesIn(folder).sort()).toEqual([...own].sort());
    expect(readdirSync(join(corrupted, "fog")).sort()).toEqual(["1", "3", "5"]);
  });
});
