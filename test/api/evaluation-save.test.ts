/** An evaluation whose result cannot be saved: it is refused before the work if that can be known, and no measured result is lost. */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { evaluate } from "../../src/api/evaluation/evaluate.js";
import type { EvaluationEvent } from "../../src/api/evaluation/events.js";
import { saveEvaluation } from "../../src/api/evaluation/save.js";
import { evaluateSuite } from "../../src/api/evaluation/suite.js";
import { train } from "../../src/api/training/train.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, unprivileged } from "../support/folders.js";

const folder = sharedTemporaryFolder();
const run = join(folder, "run");
const evaluation = join(run, "evaluation");

beforeAll(async () => {
  chmodSync(folder, 0o755); // others may read the run
  const shapes = { images: 32, validationImages: 10, testImages: 20 };
  const training = { epochs: 1, batchSize: 16 };
  await train({ model: "resnet8", method: "vanilla", threads: 1, data: { path: "shapes", shapes }, training }, { run });
});
beforeEach(() => {
  rmSync(evaluation, { recursive: true, force: true });
  mkdirSync(evaluation);
});

/** Puts a file where the results belong. */
function block(): void {
  rmSync(evaluation, { recursive: true, force: true });
  writeFileSync(evaluation, "no folder");
}

function recorded(onPass: () => void = () => {}) {
  const events: EvaluationEvent[] = [];
  const onEvent = (event: EvaluationEvent) => {
    events.push(event);
    if (event.type === "pass") onPass();
  };
  const types = () => new Set(events.map(({ type }) => type).filter((type) => type !== "note"));
  return { events, onEvent, types };
}

test("nothing is measured if the run's folder cannot be written", async () => {
  const { onEvent, types } = recorded();
  block();
  const error = await codedRejection(evaluate(run, { threads: 1, onEvent }));
  expect(error).toMatchObject({ code: "ERR_WRITE", exitCode: 1 });
  expect(error.message).toContain(`nothing was measured: cannot write ${evaluation}: `);
  expect(error.message).toContain("or evaluate a copy of the run");
  const to = join(folder, "suite");
  const suite = evaluateSuite([run], { threads: 1, limitTest: 4, to, parts: ["clean"], onEvent });
  expect((await codedRejection(suite)).code).toBe("ERR_WRITE");
  expect(existsSync(to)).toBe(false);
  expect([...types()]).toEqual([]);
});

test("nothing is measured without the permission to write", async () => {
  const { onEvent, types } = recorded();
  const error = await unprivileged(() => codedRejection(evaluate(run, { threads: 1, limitTest: 4, onEvent })));
  expect(error.code).toBe("ERR_WRITE");
  expect(error.message).toContain("You may not write there");
  expect([...types()]).toEqual([]);
});

test("a result that cannot be saved at the end is given in an event before the error", async () => {
  const { events, onEvent } = recorded(() => block());
  const error = await codedRejection(evaluate(run, { threads: 1, limitTest: 4, onEvent }));
  expect(error).toMatchObject({ code: "ERR_WRITE", exitCode: 1 });
  expect(events.at(-1)).toMatchObject({
    type: "unsaved",
    result: { count: 4, accuracy: expect.any(Number), data: { name: "shapes", split: "test" } },
  });
});

test("a result that cannot be written leaves no pictures behind", async () => {
  const result = await evaluate(run, { threads: 1, limitTest: 4 });
  rmSync(evaluation, { recursive: true });
  const mistake = {
    index: 0,
    sample: 0,
    label: 0,
    predicted: 1,
    probability: 0.9,
    loss: 2,
    pixels: new Uint8Array(3 * 8 * 8),
    side: 8,
  };
  const later = { ...result, createdAt: "2026-01-02T03:04:05.678Z", mistakes: [] };
  const blocked = "test-main-2026-01-02T03-04-05-678Z.json";
  mkdirSync(join(evaluation, blocked, "in-the-way"), { recursive: true });
  const saved = saveEvaluation(run, later, { counts: [], mistakes: [mistake] });
  expect((await codedRejection(saved)).code).toBe("ERR_WRITE");
  expect(readdirSync(evaluation)).toEqual([blocked]);
});

test("a folder of results that was deleted is made again, and nothing is called unsaved", async () => {
  rmSync(evaluation, { recursive: true });
  const { onEvent, types } = recorded();
  await evaluate(run, { threads: 1, limitTest: 4, onEvent });
  expect([...types()]).toEqual(["pass", "written"]);
  expect(readdirSync(evaluation).filter((name) => name.endsWith(".json"))).toHaveLength(1);
});

test("the report of a suite does not replace that of a run", async () => {
  const suite = evaluateSuite([run], { threads: 1, limitTest: 4, to: join(run, "."), parts: ["clean"] });
  expect((await codedRejection(suite)).code).toBe("ERR_PATH");
});
