/** The share of a training step that TypeScript takes: everything outside of native calls. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { trainingLoader } from "../../src/data/loading/loader.js";
import { setThreads } from "../../src/tensor/index.js";
import { native } from "../../src/tensor/native.js";
import { fit } from "../../src/training/fit.js";
import { makeDataset } from "../support/datasets.js";
import { temporaryFolder } from "../support/folders.js";
import { smallRun } from "../support/training.js";

const STEPS = 6;

test("TypeScript's share of an AdvProp step of ResNet-20 at batch 128 is under 3 %", async () => {
  setThreads(2);
  // Everything that `fit` does (loading, augmentation, step, update and log) at the size of CIFAR batches.
  const dataset = makeDataset({ length: 128 * STEPS, classes: 3, height: 32, width: 32 });
  const options = smallRun(join(temporaryFolder(), "run"));
  const loader = trainingLoader(dataset, { batchSize: 128, seed: 0, augmentation: { crop: 4, flip: true } });
  const timed = timeNativeCalls();
  const marks: { total: number; inside: number }[] = [];
  try {
    await fit({
      ...options,
      loader,
      epochs: 1,
      onEvent: async (event) => {
        await options.onEvent?.(event);
        if (event.type === "step") marks.push({ total: performance.now(), inside: timed.milliseconds() });
      },
    });
  } finally {
    timed.restore();
  }
  // From the end of the first step, which warms up, to the end of the last.
  const [first] = marks;
  const last = marks[STEPS - 1];
  const share = 1 - (last.inside - first.inside) / (last.total - first.total);
  console.log(`TypeScript's share of a step: ${(100 * share).toFixed(2)} %`);
  expect(share).toBeLessThan(0.03);
});

/** Wraps every native function with a clock. */
function timeNativeCalls(): { milliseconds(): number; restore(): void } {
  const functions = native as unknown as Record<string, unknown>;
  const originals = { ...functions };
  let total = 0;
  for (const [name, original] of Object.entries(originals)) {
    if (typeof original !== "function") continue;
    functions[name] = (...values: unknown[]) => {
      const start = performance.now();
      try {
        return original(...values);
      } finally {
        total += performance.now() - start;
      }
    };
  }
  return { milliseconds: () => total, restore: () => void Object.assign(functions, originals) };
}
