import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonLinesLog, readJsonLines } from "../../src/runs/metrics-log.js";
import type { MetricsRecord } from "../../src/runs/schema.js";
import { codedError } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";

function step(number: number): MetricsRecord {
  return { type: "step", step: number, epoch: 0, learningRate: 0.1, imagesPerSecond: 10, cleanLoss: 1 / number };
}

describe("JsonLinesLog", () => {
  test("appends and reads back", () => {
    const log = new JsonLinesLog<MetricsRecord>(join(temporaryFolder(), "metrics.jsonl"));
    expect(readJsonLines(log.path)).toEqual([]);
    const validation: MetricsRecord = { type: "validation", step: 2, epoch: 0, accuracy: 0.5, loss: 1.5, count: 10 };
    for (const record of [step(1), step(2), validation]) log.append(record);
    expect(readJsonLines(log.path)).toEqual([step(1), step(2), validation]);
    expect(readFileSync(log.path, "utf8").split("\n").length).toBe(4);
  });

  test("truncateAfter keeps the records up to the step, wherever a crash has truncated the file", () => {
    const path = join(temporaryFolder(), "metrics.jsonl");
    const property = fc.property(
      fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 12 }),
      fc.nat(32),
      fc.nat(),
      (steps, last, cut) => {
        const text = steps.map((number) => `${JSON.stringify(step(number))}\n`).join("");
        const torn = text.slice(0, cut % (text.length + 1));
        writeFileSync(path, torn);
        const whole = torn.split("\n").length - 1;
        const log = new JsonLinesLog<MetricsRecord>(path);
        log.truncateAfter(last);
        log.append(step(99));
        const kept = steps.slice(0, whole).filter((number) => number <= last);
        expect(readJsonLines(path)).toEqual([...kept, 99].map(step));
      },
    );
    fc.assert(property);
  });

  test("truncateAfter does not create a missing file", () => {
    const path = join(temporaryFolder(), "metrics.jsonl");
    new JsonLinesLog(path).truncateAfter(0);
    expect(existsSync(path)).toBe(false);
  });

  test("a reader leaves out the line that is being written, and names a damaged one", () => {
    const path = join(temporaryFolder(), "metrics.jsonl");
    writeFileSync(path, `${JSON.stringify(step(1))}\n{"type":"st`);
    expect(readJsonLines(path)).toEqual([step(1)]);
    for (const damaged of ["ep\n", "3\n", "null\n", '{"type":"step"}\n']) {
      writeFileSync(path, `${JSON.stringify(step(1))}\n`);
      appendFileSync(path, damaged);
      const error = codedError(() => readJsonLines(path));
      expect(error.code).toBe("ERR_RUN_FILE");
      expect(error.message).toContain(`${path}:2:`);
    }
  });

  test("names the path that cannot be written", () => {
    const error = codedError(() =>
      new JsonLinesLog(join(temporaryFolder(), "absent", "metrics.jsonl")).append(step(1)),
    );
    expect(error.code).toBe("ERR_WRITE");
  });
});
