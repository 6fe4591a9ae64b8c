import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { removeTemporaryFiles, writeFileAtomic } from "../../src/runs/atomic-file.js";
import { codedError } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";

/** The call that fails the next time, as on a full disk. */
const failing = vi.hoisted(() => ({ call: "" }));

vi.mock("node:fs", async (original) => {
  const actual = await original<typeof fs>();
  const fault = <F extends (...args: never[]) => unknown>(name: string, call: F) =>
    ((...args: Parameters<F>) => {
      if (failing.call !== name) return call(...args);
      // Bytes that are written before the disk is full stay there.
      if (name === "writeFileSync") (call as unknown as typeof fs.writeFileSync)(args[0], "partial");
      throw Object.assign(new Error(`ENOSPC: no space left on device, ${name}`), { code: "ENOSPC" });
    }) as F;
  return {
    ...actual,
    writeFileSync: fault("writeFileSync", actual.writeFileSync),
    fsyncSync: fault("fsyncSync", actual.fsyncSync),
    renameSync: fault("renameSync", actual.renameSync),
  };
});

afterEach(() => {
  failing.call = "";
});

describe("writeFileAtomic", () => {
  test("writes text, bytes and parts, as a new file and over an old one", () => {
    const folder = temporaryFolder();
    const path = join(folder, "file");
    writeFileAtomic(path, "ä\n");
    expect(fs.readFileSync(path, "utf8")).toBe("ä\n");
    writeFileAtomic(path, Uint8Array.of(1, 2, 3));
    expect([...fs.readFileSync(path)]).toEqual([1, 2, 3]);
    writeFileAtomic(path, [Uint8Array.of(4), new Uint8Array(), Uint8Array.of(5, 6)]);
    expect([...fs.readFileSync(path)]).toEqual([4, 5, 6]);
    expect(fs.readdirSync(folder)).toEqual(["file"]);
  });

  test.each(["writeFileSync", "fsyncSync", "renameSync"])("keeps the old file when %s fails on a full disk", (call) => {
    const folder = temporaryFolder();
    const path = join(folder, "last.safetensors");
    fs.writeFileSync(path, "old");
    failing.call = call;
    const error = codedError(() => writeFileAtomic(path, [Uint8Array.of(1), Uint8Array.of(2)]));
    expect(error).toMatchObject({ code: "ERR_WRITE", exitCode: 1 });
    expect(error.message).toContain(path);
    expect(error.message).toContain("The disk is full: free some space");
    expect(fs.readFileSync(path, "utf8")).toBe("old");
    expect(fs.readdirSync(folder)).toEqual(["last.safetensors"]);
  });

  test("cleans up where a folder has the name, and names a missing folder", () => {
    const folder = temporaryFolder();
    fs.mkdirSync(join(folder, "taken"));
    expect(codedError(() => writeFileAtomic(join(folder, "taken"), "x")).code).toBe("ERR_WRITE");
    expect(fs.readdirSync(folder)).toEqual(["taken"]);
    const absent = codedError(() => writeFileAtomic(join(folder, "absent", "x"), "x"));
    expect(absent.message).toContain("The folder does not exist");
  });

  test("removeTemporaryFiles removes only the files of a killed process", () => {
    const folder = temporaryFolder();
    for (const name of [".last.json.4711.tmp", "last.json", "notes.tmp", ".hidden"]) {
      fs.writeFileSync(join(folder, name), "");
    }
    removeTemporaryFiles(folder);
    expect(fs.readdirSync(folder).sort()).toEqual([".hidden", "last.json", "notes.tmp"]);
  });
});
