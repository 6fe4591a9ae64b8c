/** A checkpoint that was damaged on the disk is refused, and the run resumes from the one before it. */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Recipe } from "../../src/recipes/schema.js";
import { decodeSafetensors, encodeSafetensors } from "../../src/runs/safetensors.js";
import { readCheckpoint } from "../../src/training/checkpoint.js";
import { codedError, codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { resume, train } from "../support/runs.js";

const RECIPE: Recipe = {
  model: "resnet8",
  threads: 1,
  data: { path: "shapes", shapes: { images: 32, validationImages: 10, testImages: 10 } },
  training: { epochs: 3, batchSize: 16, averageDecay: 0.9 },
};

const shared = sharedTemporaryFolder();
const file = (run: string, name: string) => join(run, "checkpoints", `${name}.safetensors`);
const tensorsOf = (path: string) => decodeSafetensors(readFileSync(path)).tensors;
/** A copy of the finished run. */
function copied(): string {
  const run = join(temporaryFolder(), "run");
  cpSync(join(shared, "run"), run, { recursive: true });
  return run;
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] ^= 1;
  writeFileSync(path, bytes);
}

beforeAll(() => train(join(shared, "run"), RECIPE).then(() => undefined));

test("a flipped byte is detected anywhere", () => {
  const path = join(temporaryFolder(), "last.safetensors");
  const whole = readFileSync(file(join(shared, "run"), "last"));
  const places = Array.from({ length: 60 }, (_, i) => Math.floor((i * (whole.length - 1)) / 59));
  const missed = places.filter((at) => {
    writeFileSync(path, whole);
    flip(path, at);
    try {
      readCheckpoint(path);
      return true;
    } catch (error) {
      expect(error).toHaveProperty("code", expect.stringMatching(/^ERR_(CHECKPOINT_DAMAGED|SAFETENSORS|WEIGHTS)$/));
      return false;
    }
  });
  // The format pads its header with spaces, which have no meaning.
  expect(missed.filter((at) => whole[at] !== 0x20)).toEqual([]);
  writeFileSync(path, whole);
  flip(path, whole.length - 1);
  const error = codedError(() => readCheckpoint(path));
  expect(error).toMatchObject({ code: "ERR_CHECKPOINT_DAMAGED", exitCode: 2 });
  expect(error.message).toContain(path);
});

test("a resume uses the checkpoint before, says so, keeps the damaged one, and ends with the same weights", async () => {
  const run = copied();
  const damaged = file(run, "last");
  flip(damaged, readFileSync(damaged).length - 1);
  const text = await resume(run);
  expect(text).toContain(`${damaged} is damaged`);
  expect(text).toContain("It is kept as");
  expect(text).toContain("Resuming after step 4.");
  expect(existsSync(file(run, "last-damaged"))).toBe(true);
  expect(tensorsOf(damaged)).toEqual(tensorsOf(file(join(shared, "run"), "last")));
});

test("if both are damaged, both are named and no file is changed", async () => {
  const run = copied();
  for (const name of ["last", "previous"]) writeFileSync(file(run, name), "no weights");
  const before = readFileSync(join(run, "metrics.jsonl"));
  const error = await codedRejection(resume(run));
  expect(error).toMatchObject({ code: "ERR_CHECKPOINT_DAMAGED" });
  for (const name of ["last", "previous"]) expect(error.message).toContain(file(run, name));
  expect(readFileSync(join(run, "metrics.jsonl"))).toEqual(before);
});

test("a missing newest checkpoint is replaced by the one before, and a file of an earlier version needs no checksum", async () => {
  const run = copied();
  rmSync(file(run, "last"));
  expect(await resume(run)).toContain("Resuming after step 4.");

  const { tensors, metadata } = decodeSafetensors(readFileSync(file(run, "last")));
  const { sha256: _, ...others } = metadata;
  const old = join(temporaryFolder(), "old.safetensors");
  writeFileSync(old, Buffer.concat(encodeSafetensors(tensors, others)));
  expect(readCheckpoint(old).state.step).toBe(6);
});
