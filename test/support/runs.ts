/** Training runs of the command line, in this process. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import { changedRecipe } from "../../src/cli/resume-changes.js";
import { runTraining } from "../../src/cli/run-training.js";
import { parseRecipe, resolveRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { RunDirectory } from "../../src/runs/run-directory.js";

/** Everything that is said on standard error meanwhile. */
export async function said(work: () => Promise<unknown>): Promise<string> {
  const lines: string[] = [];
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(String(text)) > 0);
  try {
    await work();
  } finally {
    spy.mockRestore();
  }
  return lines.join("");
}

/** Trains a new run, and gives what was said. */
export const train = (path: string, recipe: Recipe): Promise<string> =>
  said(() =>
    runTraining({ recipe: resolveRecipe(recipe), runPath: path, run: () => RunDirectory.create(path), resume: false }),
  );

/** The recipe that a run has saved. */
export const savedRecipe = (path: string): Recipe =>
  parseRecipe(readFileSync(join(path, "recipe.yaml"), "utf8"), "recipe.yaml");

/** Resumes a run with settings `path=value`, and gives what was said. */
export const resume = (path: string, ...settings: string[]): Promise<string> =>
  said(() => {
    const change = changedRecipe(savedRecipe(path), settings);
    return runTraining({ ...change, runPath: path, run: () => RunDirectory.resume(path), resume: true });
  });
