/** Training runs as the command line makes them, in this process. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import type { TrainEvent } from "../../src/api/events.js";
import type { TrainOptions } from "../../src/api/training/options.js";
import { train as trainRun } from "../../src/api/training/train.js";
import { TrainingReport } from "../../src/cli/output/training-report.js";
import { withResumeAdvice } from "../../src/cli/resume-advice.js";
import { parseRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { applySettings } from "./settings.js";

/** What was said of a training; its error names the command that goes on. */
async function said(recipe: Recipe, options: TrainOptions): Promise<string> {
  const events: TrainEvent[] = [];
  const lines: string[] = [];
  const report = new TrainingReport(false);
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(String(text)) > 0);
  try {
    await trainRun(recipe, {
      ...options,
      onEvent: (event) => {
        events.push(event);
        report.show(event);
      },
    });
  } catch (error) {
    const started = events.find((event) => event.type === "started");
    throw started === undefined ? error : withResumeAdvice(error, started.run, started.recipe);
  } finally {
    spy.mockRestore();
  }
  return lines.join("");
}

/** Trains a new run, and gives what was said. */
export const train = (path: string, recipe: Recipe): Promise<string> => said(recipe, { run: path });

/** The recipe that a run has saved. */
export const savedRecipe = (path: string): Recipe =>
  parseRecipe(readFileSync(join(path, "recipe.yaml"), "utf8"), "recipe.yaml");

/** Resumes a run with settings `path=value`, and gives what was said. */
export const resume = (path: string, ...settings: string[]): Promise<string> =>
  said(applySettings({}, settings), { run: path, resume: true });
