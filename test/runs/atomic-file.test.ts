import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { checkWritable, makeFolder, removeTemporaryFiles, writeFileAtomic } from "../../src/runs/atomic-file.js";
import { codedError } from "../support/errors.js";
import { temporaryFolder, unprivileged } from "../support/folders.js";

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
    // As Node does on a read-only file system: with `recursive` the reason is lost.
    mkdirSync: (path: string, options?: fs.MakeDirectoryOptions) => {
      if (failing.call !== "mkdirSync") return actual.mkdirSync(path, options);
      const code = options?.recursive ? "ENOENT" : "EROFS";
      throw Object.assign(new Error(`${code}, mkdir '${path}'`), { code });
    },
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

describe("makeFolder", () => {
  test("makes a folder and those around it, and gives the outermost", () => {
    const folder = temporaryFolder();
    expect(makeFolder(join(folder, "a", "b"))).toBe(join(folder, "a"));
    expect(makeFolder(join(folder, "a", "b"))).toBeUndefined();
  });

  test("gives the true reason where a folder cannot be made", async () => {
    const folder = temporaryFolder();
    fs.writeFileSync(join(folder, "file"), "");
    const messageOf = (name: string) => {
      const error = codedError(() => makeFolder(join(folder, name)));
      expect(error).toMatchObject({ code: "ERR_WRITE", exitCode: 1 });
      return error.message;
    };
    expect(messageOf("file")).toContain("A file has that name");
    expect(messageOf("file/a")).toContain("A part of that path is a file");
    expect(await unprivileged(() => messageOf("a/b"))).toContain("You may not write there");
    failing.call = "mkdirSync";
    expect(messageOf("a/b")).toMatch(/EROFS, mkdir '.*\/a'\. That file system is read-only: choose another folder/);
  });
});

describe("checkWritable", () => {
  test("leaves nothing in a folder that can be written", () => {
    const folder = temporaryFolder();
    checkWritable(folder);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test("finds a full disk, a missing permission and a file in place of the folder", async () => {
    const folder = temporaryFolder();
    const messageOf = (path: string) => {
      const error = codedError(() => checkWritable(path));
      expect(error).toMatchObject({ code: "ERR_WRITE", exitCode: 1 });
      return error.message;
    };
    expect(await unprivileged(() => messageOf(folder))).toContain("You may not write there");
    fs.writeFileSync(join(folder, "file"), "");
    expect(messageOf(join(folder, "file"))).toContain("A part of that path is a file");
    expect(codedError(() => writeFileAtomic(join(folder, "file", "x"), "x")).message).toContain("A part of that path");
    failing.call = "writeFileSync";
    expect(messageOf(folder)).toContain("The disk is full: free some space");
    expect(fs.readdirSync(folder)).toEqual(["file"]);
  });
});
