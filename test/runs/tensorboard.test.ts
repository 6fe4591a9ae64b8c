/** Event files of TensorBoard: their bytes, and their agreement with the logs. TensorBoard itself reads them in test/peers. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openRun } from "../../src/api/open-run.js";
import { train } from "../../src/api/training/train.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { RunDirectory } from "../../src/runs/run-directory.js";
import { decodeEvent, type Event, encodeEvent, SESSION_START } from "../../src/runs/tensorboard/event.js";
import { crc32c, frameRecord, maskedCrc } from "../../src/runs/tensorboard/record-file.js";
import { driftScalars, metricScalars } from "../../src/runs/tensorboard/scalars.js";
import { temporaryFolder } from "../support/folders.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("the bytes", () => {
  test("the checksum is that of RFC 3720, B.4, and the masked one that of TensorFlow", () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(maskedCrc(new Uint8Array(32))).toBe((((0x8a9136aa >>> 15) | (0x8a9136aa << 17)) + 0xa282ead8) >>> 0);
  });

  test("a record begins and ends as TensorFlow writes it", () => {
    // The first record of every event file, written by tensorboard 2.21 at second 1.
    const event = encodeEvent({ wallTime: 1, fileVersion: "brain.Event:2" });
    expect(hex(event)).toBe("09000000000000f03f1a0d627261696e2e4576656e743a32");
    expect(hex(frameRecord(event))).toBe(GOLDEN_VERSION);
    const scalar = encodeEvent({ wallTime: 1, step: 300, summary: { value: [{ tag: "loss", simpleValue: 0.5 }] } });
    expect(hex(frameRecord(scalar))).toBe(GOLDEN_SCALAR);
  });
});

/** Made by test/peers/read_events.py, whose option --golden prints them. */
const GOLDEN_VERSION = "1800000000000000a37f4b2209000000000000f03f1a0d627261696e2e4576656e743a3286bf577a";
const GOLDEN_SCALAR = "1b000000000000001a0d9e1309000000000000f03f10ac022a0d0a0b0a046c6f7373150000003f4e5c1fd1";

/** The events of a file; throws where a checksum is wrong. */
function eventsIn(path: string): Event[] {
  const bytes = readFileSync(path);
  const events: Event[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc(data));
    events.push(decodeEvent(data));
    at += 16 + length;
  }
  return events;
}

const RECIPE: Recipe = {
  model: "resnet8",
  method: "advprop",
  threads: 1,
  data: { path: "shapes", shapes: { images: 32, validationImages: 10, testImages: 10 } },
  training: { epochs: 2, batchSize: 16, logEverySteps: 1 },
};

test("the event files of a stopped and resumed training agree with its logs", async () => {
  const path = join(temporaryFolder(), "run");
  const stop = new AbortController();
  await train(RECIPE, {
    run: path,
    tensorboard: true,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === "step" && event.step === 3) stop.abort();
    },
  });
  // A resumed run with event files writes them again.
  await train({}, { run: path, resume: true });
  const { tensorboard, images } = RunDirectory.open(path);
  const files = readdirSync(tensorboard).sort();
  expect(files).toHaveLength(2);
  const events = files.map((file) => eventsIn(join(tensorboard, file)));
  for (const [first] of events) expect(first.fileVersion).toBe("brain.Event:2");
  expect(events.map(([, second]) => second)).toMatchObject([
    { step: 1, sessionLog: { status: SESSION_START } },
    { step: 4, sessionLog: { status: SESSION_START } },
  ]);
  const run = openRun(path);
  const written = events
    .flat()
    .flatMap(({ step, summary }) => (summary?.value ?? []).map((value) => ({ step, ...value })));
  const scalars = written
    .filter(({ image }) => image === undefined)
    .map(({ step, tag, simpleValue }) => `${step} ${tag} ${simpleValue}`);
  const logged = [
    ...run.metrics().map((record) => [record.step, metricScalars(record)] as const),
    ...run.batchNormDrift().map((record) => [record.step, driftScalars(record)] as const),
  ].flatMap(([step, all]) => all.map(([tag, value]) => `${step} ${tag} ${Math.fround(value)}`));
  expect(scalars.sort()).toEqual(logged.sort());
  expect(scalars).toContainEqual(expect.stringMatching(/^4 validation_accuracy\/aux 0/));
  const pictures = written.filter(({ image }) => image !== undefined);
  expect(pictures.map(({ step, tag }) => [step, tag])).toEqual([
    [2, "adversarial_examples"],
    [4, "adversarial_examples"],
  ]);
  expect(hex(pictures[1].image!.encodedImageString)).toBe(hex(readFileSync(join(images, "epoch-0002.png"))));
  expect(pictures[1].image).toMatchObject({ width: 795, height: 300, colorspace: 3 });
});

test("by default a training writes none", async () => {
  const path = join(temporaryFolder(), "run");
  await train({ ...RECIPE, training: { ...RECIPE.training, epochs: 1 } }, { run: path });
  expect(readdirSync(path)).not.toContain("tensorboard");
});
