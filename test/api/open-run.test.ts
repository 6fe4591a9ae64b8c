/** Reading a run from a program. */
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { evaluate } from "../../src/api/evaluation/evaluate.js";
import { openRun } from "../../src/api/open-run.js";
import { codedError } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { train } from "../support/runs.js";

test("has the recipe, the logs and the results of evaluations", async () => {
  const path = join(temporaryFolder(), "run");
  await train(path, {
    model: "resnet8",
    threads: 1,
    data: { path: "shapes", shapes: { images: 32, validationImages: 10, testImages: 10 } },
    training: { epochs: 2, batchSize: 16 },
  });
  const run = openRun(path);
  expect(run.info.status).toBe("finished");
  expect(run.recipe).toMatchObject({ model: "resnet8", method: "advprop", optimizer: { lr: 0.1 } });
  expect(run.weights).toBe(join(path, "checkpoints", "best.safetensors"));
  expect(run.metrics().filter(({ type }) => type === "epoch")).toHaveLength(2);
  expect(run.batchNormDrift().map(({ epoch, route }) => [epoch, route])).toEqual([
    [0, "aux"],
    [1, "aux"],
  ]);
  expect(run.evaluations()).toEqual([]);

  const result = await evaluate(path, { threads: 1 });
  expect(run.evaluations()).toEqual([result]);
  const { mistakes = [], count, accuracy } = result;
  expect(mistakes).toHaveLength(Math.min(50, Math.round(count * (1 - accuracy))));
  for (const { thumbnail, predicted, label } of mistakes) {
    expect(predicted).not.toBe(label);
    expect(existsSync(join(path, "evaluation", thumbnail!)), thumbnail).toBe(true);
  }
  // An incomplete last line is left out.
  const before = run.metrics();
  appendFileSync(join(path, "metrics.jsonl"), '{"type":"step","st');
  expect(run.metrics()).toEqual(before);
});

test("a folder that is no run is refused", () => {
  expect(codedError(() => openRun(temporaryFolder()))).toMatchObject({ code: "ERR_RUN_MISSING", exitCode: 2 });
});
