/** A full disk while a checkpoint is saved: the checkpoint before it is kept, and the run can be resumed once there is space. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Recipe } from "../../src/recipes/schema.js";
import { writeFileAtomic } from "../../src/runs/atomic-file.js";
import { decodeSafetensors } from "../../src/runs/safetensors.js";
import { readCheckpoint } from "../../src/training/checkpoint.js";
import { codedError, codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { resume, train } from "../support/runs.js";

const RECIPE: Recipe = {
  model: "resnet8",
  threads: 1,
  data: { path: "shapes", shapes: { images: 32, validationImages: 10, testImages: 10 } },
  training: { epochs: 3, batchSize: 16 },
};
const checkpoint = (run: string, name: string) => join(run, "checkpoints", `${name}.safetensors`);
const mount = (...args: string[]) => spawnSync("mount", args).status === 0;
/** A file system of a given size in bytes; undefined where it cannot be mounted. */
function smallDisk(size: number): string | undefined {
  const disk = join(temporaryFolder(), "disk");
  mkdirSync(disk);
  if (!mount("-t", "tmpfs", "-o", `size=${size}`, "tmpfs", disk)) return undefined;
  onTestFinished(() => void spawnSync("umount", [disk]));
  return disk;
}

test("the last checkpoint is kept, the message has the needed space, and the resumed run has the same weights", async (context) => {
  const undisturbed = join(temporaryFolder(), "run");
  await train(undisturbed, RECIPE);
  // Enough space for the last and best checkpoints of the first epoch, but not for a third one.
  const disk = smallDisk(Math.round(2.6 * statSync(checkpoint(undisturbed, "last")).size));
  if (disk === undefined) return context.skip("mounting a small disk needs root");
  const run = join(disk, "run");
  const error = await codedRejection(train(run, RECIPE));
  expect(error).toMatchObject({ code: "ERR_WRITE", exitCode: 1 });
  expect(error.message).toMatch(/The disk is full: the file needs \d+,\d+ bytes, and [\d,]+ bytes are free\./);
  const last = checkpoint(run, "last");
  expect(readCheckpoint(last).state.step).toBe(2);

  expect(mount("-o", "remount,size=20m", disk)).toBe(true);
  await resume(run);
  const tensors = (path: string) => decodeSafetensors(readFileSync(path)).tensors;
  expect(tensors(last)).toEqual(tensors(checkpoint(undisturbed, "last")));
});

test("the message has the bytes of a small file", (context) => {
  const disk = smallDisk(64 * 1024);
  if (disk === undefined) return context.skip("mounting a small disk needs root");
  expect(() => writeFileSync(join(disk, "large"), Buffer.alloc(100_000))).toThrow("no space");
  expect(codedError(() => writeFileAtomic(join(disk, "small"), Buffer.alloc(5000))).message).toContain(
    "The disk is full: the file needs 5,000 bytes, and 0 bytes are free. Free some space.",
  );
});
