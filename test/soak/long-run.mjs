/**
 * A long training in one process: the bytes of tensors, the open files and the resident memory stay as they were.
 *
 *     npm run test:soak -- --only long-run
 *
 * ResNet-20, AdvProp, 5,000 steps. Prints the three every 500 steps, and ends with exit code 1 where one of them is larger at the end than
 * after the first 500 steps: tensors and files at all, memory by more than 5 %. In between the garbage collector lets memory go up and down.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryStats } from "../../dist/engine.js";
import { train } from "../../dist/index.js";

const STEPS = 5000;
const EVERY = 500;
const BATCH = 8;
const STEPS_OF_AN_EPOCH = 100;

const folder = mkdtempSync(join(tmpdir(), "advprop-long-run-"));
const seen = [];
try {
  await train(
    {
      model: "resnet20",
      method: "advprop",
      threads: 1,
      data: {
        path: "shapes",
        shapes: { images: STEPS_OF_AN_EPOCH * BATCH, validationImages: 50, testImages: 10 },
      },
      training: { batchSize: BATCH, epochs: STEPS / STEPS_OF_AN_EPOCH, averageDecay: 0.99 },
    },
    {
      run: join(folder, "run"),
      onEvent: ({ type, step }) => {
        if (type !== "step" || step % EVERY !== 0) return;
        const now = {
          step,
          tensors: memoryStats().liveBytes,
          files: readdirSync("/proc/self/fd").length,
          resident: process.memoryUsage.rss(),
        };
        seen.push(now);
        console.log(
          `step ${step}: tensors ${now.tensors} bytes, ${now.files} files, ${(now.resident / 1e6).toFixed(0)} MB resident`,
        );
      },
    },
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const first = seen[0];
const last = seen[seen.length - 1];
for (const [what, share] of Object.entries({ tensors: 0, files: 0, resident: 0.05 })) {
  if (last[what] > first[what] * (1 + share)) {
    console.error(`${what} grew from ${first[what]} to ${last[what]}`);
    process.exitCode = 1;
  }
}
