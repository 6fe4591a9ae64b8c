/** A set is not unpacked over files that are not its own. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { getRemoteSet, REMOTE_SETS } from "../../../src/data/datasets/remote-sets.js";
import { codedRejection } from "../../support/errors.js";
import { folderOf } from "../../support/folders.js";

const SET = "cifar-10-batches-bin";
const get = (to: string) => getRemoteSet(REMOTE_SETS.cifar10, { to, base: "http://127.0.0.1:1/", attempts: 1 });

test("a folder of the set's name with other files is refused before the download", async () => {
  const to = folderOf(`${SET}/test_batch.bin`);
  const notes = join(to, SET, "notes.txt");
  writeFileSync(notes, "mine");
  const error = await codedRejection(get(to));
  expect(error).toMatchObject({ code: "ERR_SET_EXISTS", exitCode: 2 });
  expect(error.message).toContain(`${join(to, SET)} holds notes.txt, which is not of the set`);
  expect(existsSync(notes)).toBe(true);
});

test("an unfinished folder of the set is downloaded again", async () => {
  expect((await codedRejection(get(folderOf(`${SET}/test_batch.bin`)))).code).toBe("ERR_NETWORK");
});
