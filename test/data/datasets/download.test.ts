import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { describe, expect, test } from "vitest";
import { type DownloadOptions, download } from "../../../src/data/datasets/download.js";
import { getRemoteSet, REMOTE_SETS, type RemoteSet } from "../../../src/data/datasets/remote-sets.js";
import { unpack } from "../../../src/data/datasets/unpack.js";
import { codedRejection } from "../../support/errors.js";
import { temporaryFolder } from "../../support/folders.js";
import { sendHalf, sendRange, serve } from "../../support/server.js";

const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i + 31 * i) % 251);
const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");

function optionsFor(url: string, more: Partial<DownloadOptions> = {}): DownloadOptions {
  return {
    url,
    path: join(temporaryFolder(), "deep", "file.bin"),
    checksum: { algorithm: "md5", begins: md5(BYTES) },
    stallMs: 10_000,
    pauseMs: 1,
    advice: { offline: "Is this machine connected to the network?", address: "Check the address" },
    ...more,
  };
}

describe("download", () => {
  test("downloads a file, reports progress, and keeps an existing file", async () => {
    const { url, ranges } = await serve(sendRange(BYTES));
    const progress: [number, number | undefined][] = [];
    const options = optionsFor(url, { onProgress: (...state) => progress.push(state) });
    await download(options);
    expect(md5(readFileSync(options.path))).toBe(md5(BYTES));
    expect(progress.at(-1)).toEqual([BYTES.length, BYTES.length]);
    expect(readdirSync(join(options.path, ".."))).toEqual(["file.bin"]);
    await download(options);
    expect(ranges).toHaveLength(1);
  });

  test("resumes after a stalled connection", async () => {
    const { url, ranges } = await serve((request, response, connection) =>
      (connection < 3 ? sendHalf(BYTES, "stall") : sendRange(BYTES))(request, response, connection),
    );
    const options = optionsFor(url, { stallMs: 500 });
    await download(options);
    expect(md5(readFileSync(options.path))).toBe(md5(BYTES));
    expect(ranges).toEqual([undefined, "bytes=150000-", "bytes=225000-"]);
  });

  test("survives broken connections, and loses at most the bytes in transit", async () => {
    const { url, ranges } = await serve((request, response, connection) =>
      (connection < 4 ? sendHalf(BYTES, "break") : sendRange(BYTES))(request, response, connection),
    );
    const options = optionsFor(url);
    await download(options);
    expect(md5(readFileSync(options.path))).toBe(md5(BYTES));
    expect(ranges).toHaveLength(4);
  });

  test("fails after its attempts, keeps the part, and resumes it the next time", async () => {
    const failing = await serve(sendHalf(BYTES, "stall"));
    const options = optionsFor(failing.url, { attempts: 2, stallMs: 500 });
    const error = await codedRejection(download(options));
    expect(error.code).toBe("ERR_NETWORK");
    expect(error.message).toMatch(
      /nothing arrived for 0.5 s \(2 attempts\)\. 225000 bytes are kept in .*file\.bin\.part/,
    );
    const working = await serve(sendRange(BYTES));
    await download({ ...options, url: working.url });
    expect(working.ranges).toEqual(["bytes=225000-"]);
    expect(md5(readFileSync(options.path))).toBe(md5(BYTES));
  });

  test("refuses a second download of the same file at the same time, which would mix the bytes", async () => {
    const { url } = await serve(sendRange(BYTES));
    const options = optionsFor(url);
    const first = download(options);
    const error = await codedRejection(download(options));
    expect(error.code).toBe("ERR_RUN_LOCKED");
    expect(error.message).toContain("file.bin.part is being written by process");
    await first;
    expect(readdirSync(join(options.path, ".."))).toEqual(["file.bin"]);
    await download(options);
  });

  test("two downloads at the same time without a known hash are both whole", async () => {
    const { url } = await serve(sendRange(BYTES));
    const options = optionsFor(url, { checksum: undefined });
    await Promise.all([download(options), download(options)]);
    expect(md5(readFileSync(options.path))).toBe(md5(BYTES));
    expect(readdirSync(join(options.path, ".."))).toEqual(["file.bin"]);
  });

  test("starts again where the server ignores ranges", async () => {
    const { url, ranges } = await serve((request, response, connection) => {
      if (connection === 1) sendHalf(BYTES, "stall")(request, response, connection);
      else response.writeHead(200, { "content-length": BYTES.length }).end(BYTES);
    });
    const options = optionsFor(url, { stallMs: 500 });
    await download(options);
    expect(ranges[1]).toBe("bytes=150000-");
    expect(md5(readFileSync(options.path))).toBe(md5(BYTES));
  });

  test("accepts a part that is complete already, and replaces a part of another file", async () => {
    for (const left of [BYTES, new Uint8Array(1000), new Uint8Array(400_000)]) {
      const { url } = await serve(sendRange(BYTES));
      const options = optionsFor(url);
      mkdirSync(join(options.path, ".."));
      writeFileSync(`${options.path}.part`, left);
      await download(options);
      expect(md5(readFileSync(options.path))).toBe(md5(BYTES));
    }
  });

  test("refuses and removes a file with the wrong checksum", async () => {
    const { url } = await serve(sendRange(BYTES.with(1234, 0)));
    const options = optionsFor(url);
    const error = await codedRejection(download(options));
    expect(error.code).toBe("ERR_DOWNLOAD");
    expect(error.message).toContain(`not ${md5(BYTES)}`);
    expect(readdirSync(join(options.path, ".."))).toEqual([]);
  });

  test("reports a server that refuses, one that fails, and no network differently", async () => {
    const missing = await serve((_, response) => response.writeHead(404).end());
    expect((await codedRejection(download(optionsFor(missing.url)))).message).toMatch(/answered 404 Not Found/);
    expect(missing.ranges).toHaveLength(1);
    const failing = await serve((request, response, connection) =>
      connection === 1 ? response.writeHead(503).end() : sendRange(BYTES)(request, response, connection),
    );
    await download(optionsFor(failing.url));
    const offline = await codedRejection(download(optionsFor("http://127.0.0.1:1/", { attempts: 1 })));
    expect(offline.code).toBe("ERR_NETWORK");
    expect(offline.message).toMatch(/\(1 attempt\).*connected to the network/);
    const nowhere = await codedRejection(download(optionsFor("http://no-such-host.invalid/", { attempts: 1 })));
    expect(nowhere.message).toContain("the name of the server cannot be resolved");
  });

  test("names the path that cannot be written", async () => {
    const { url } = await serve(sendRange(BYTES));
    const folder = temporaryFolder();
    writeFileSync(join(folder, "file"), "");
    const error = await codedRejection(download(optionsFor(url, { path: join(folder, "file", "x.bin") })));
    expect(error.code).toBe("ERR_WRITE");
  });
});

/** A `.tar.gz` of entries. */
async function archiveOf(...entries: (Partial<Header> & { name: string; content?: string })[]): Promise<Buffer> {
  const packing = pack();
  for (const { content, ...header } of entries) packing.entry(header, content ?? "");
  packing.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packing) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}

const CONTENTS = { folder: "set", required: ["a.bin", "b.bin"], optional: ["readme.html"] };
const GOOD = [
  { name: "set/", type: "directory" as const },
  { name: "set/a.bin", content: "a" },
  { name: "set/b.bin", content: "b" },
];

async function unpacking(bytes: Uint8Array) {
  const folder = temporaryFolder();
  const archive = join(folder, "set.tar.gz");
  writeFileSync(archive, bytes);
  const target = join(folder, "inner", "set");
  mkdirSync(join(folder, "inner"));
  return { folder, target, done: unpack(archive, target, CONTENTS) };
}

describe("unpack", () => {
  test("writes the expected files into the target, and leaves nothing beside it", async () => {
    const { target, done } = await unpacking(await archiveOf(...GOOD, { name: "set/readme.html", content: "r" }));
    await done;
    expect(readdirSync(target).sort()).toEqual(["a.bin", "b.bin", "readme.html"]);
    expect(readFileSync(join(target, "b.bin"), "utf8")).toBe("b");
    expect(readdirSync(join(target, ".."))).toEqual(["set"]);
  });

  test.each([
    ["a path that leads out", { name: "set/../../evil.bin", content: "x" }],
    ["an absolute path", { name: "/tmp/advprop-evil.bin", content: "x" }],
    ["an unknown name", { name: "set/c.bin", content: "x" }],
    ["a link of a known name", { name: "set/readme.html", type: "symlink" as const, linkname: "/etc/passwd" }],
    ["another folder", { name: "other/", type: "directory" as const }],
  ])("refuses %s, and leaves nothing", async (_, entry) => {
    const { folder, target, done } = await unpacking(await archiveOf(...GOOD, entry));
    const error = await codedRejection(done);
    expect(error.code).toBe("ERR_ARCHIVE");
    expect(error.message).toContain(JSON.stringify(entry.name));
    expect(readdirSync(join(target, ".."))).toEqual([]);
    expect(readdirSync(folder).sort()).toEqual(["inner", "set.tar.gz"]);
    expect(existsSync("/tmp/advprop-evil.bin")).toBe(false);
  });

  test("refuses an archive that is damaged, truncated or lacks a file", async () => {
    const whole = await archiveOf(...GOOD, { name: "set/readme.html", content: "r".repeat(50_000) });
    const wrong = [Buffer.from("no archive"), whole.subarray(0, whole.length - 20), await archiveOf(GOOD[0], GOOD[1])];
    for (const bytes of wrong) {
      const { target, done } = await unpacking(bytes);
      expect((await codedRejection(done)).code).toBe("ERR_ARCHIVE");
      expect(readdirSync(join(target, ".."))).toEqual([]);
    }
  });
});

describe("getRemoteSet", () => {
  test("downloads, unpacks, cleans up, and does nothing the second time", async () => {
    const archive = await archiveOf(...GOOD);
    const { url, ranges } = await serve(sendRange(archive));
    const set: RemoteSet = {
      base: "http://127.0.0.1:1/",
      archive: "set.tar.gz",
      md5: md5(archive),
      contents: CONTENTS,
    };
    const to = temporaryFolder();
    expect(await getRemoteSet(set, { to, base: url })).toEqual({ folder: join(to, "set"), existed: false });
    expect(readdirSync(to)).toEqual(["set"]);
    expect(await getRemoteSet(set, { to, base: url })).toEqual({ folder: join(to, "set"), existed: true });
    expect(ranges).toHaveLength(1);
  });

  test("has the published checksums", () => {
    expect(REMOTE_SETS.cifar10.md5).toBe("c32a1d4ab5d03f1284b67883e8d87530");
    expect(REMOTE_SETS.cifar100.md5).toBe("03b5dce01913d631647c71ecec9e9cb8");
  });
});
