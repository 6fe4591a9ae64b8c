/** Each line of a growing file is read once, also if the last line is incomplete. */
import { appendFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LineFollower } from "../../src/dashboard/reading/line-follower.js";
import { temporaryFolder } from "../support/folders.js";

function follower() {
  const path = join(temporaryFolder(), "lines");
  const one = new LineFollower(path);
  return {
    path,
    async read() {
      const events: string[] = [];
      await one.read(
        (line) => events.push(line),
        () => events.push("<restart>"),
      );
      return events;
    },
  };
}

test("gives each line once, and an incomplete line when it is complete", async () => {
  const { path, read } = follower();
  expect(await read()).toEqual([]);
  writeFileSync(path, "a\nbb\ncc");
  expect(await read()).toEqual(["a", "bb"]);
  expect(await read()).toEqual([]);
  appendFileSync(path, "c");
  expect(await read()).toEqual([]);
  appendFileSync(path, "\nd\n");
  expect(await read()).toEqual(["ccc", "d"]);
});

test("lines and characters across the borders of chunks are complete", async () => {
  const { path, read } = follower();
  const lines = Array.from({ length: 9000 }, (_, i) => `${i} ${"ö€😀".repeat(i % 23)}`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  expect(await read()).toEqual(lines);
});

test("begins again after the file was replaced, truncated or deleted", async () => {
  const { path, read } = follower();
  writeFileSync(path, "a\nb\n");
  await read();
  // As a resume does: the new file may be as long as the old one.
  writeFileSync(`${path}.new`, "a\nx\n");
  renameSync(`${path}.new`, path);
  expect(await read()).toEqual(["<restart>", "a", "x"]);
  truncateSync(path, 2);
  expect(await read()).toEqual(["<restart>", "a"]);
  rmSync(path);
  expect(await read()).toEqual(["<restart>"]);
  writeFileSync(path, "z\n");
  expect(await read()).toEqual(["z"]);
});

test("a line without end is not kept in memory", async () => {
  const { path, read } = follower();
  writeFileSync(path, "a\n");
  for (let i = 0; i < 6; i++) appendFileSync(path, "x".repeat(1024 * 1024));
  expect(await read()).toEqual(["a"]);
  appendFileSync(path, "\nb\n");
  expect(await read()).toEqual(["", "b"]);
});
