/** Damaged or malicious shards and failing servers: they are read all the same, or refused with shard and offset. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { inspectPhotos } from "../../../src/data/inspection/inspection.js";
import { readPhoto } from "../../../src/data/photos/read-photo.js";
import { readRange } from "../../../src/data/shards/http-bytes.js";
import { packShards } from "../../../src/data/shards/pack-shards.js";
import { readPaxRecords } from "../../../src/data/shards/tar-headers.js";
import { UsageError } from "../../../src/errors.js";
import { codedError, codedRejection } from "../../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../../support/folders.js";
import { picture, writeClasses } from "../../support/photos.js";
import { type Answer, sendFiles, serve } from "../../support/server.js";
import { collect, filesOf, openSmall, ownCache, tarOf } from "../../support/shards.js";

const root = sharedTemporaryFolder();
const shards = join(root, "shards");
let jpeg: Buffer;
ownCache();
beforeAll(async () => {
  await writeClasses(join(root, "photos/train"), { cat: 15, dog: 15 });
  await packShards(join(root, "photos"), { to: shards, shardSize: 65_536 });
  jpeg = await picture(1).jpeg().toBuffer();
});

const openTraining = (path: string, options: Parameters<typeof openSmall>[1] = {}) =>
  openSmall(path, { parts: ["train"], ...options });

/** Writes an archive, whose bytes can be changed before, and opens it. */
async function opening(members: Parameters<typeof tarOf>[0], change: (bytes: Buffer) => Buffer = (bytes) => bytes) {
  const shard = join(temporaryFolder(), "train-000.tar");
  writeFileSync(shard, change(await tarOf(members)));
  return codedRejection(openTraining(shard));
}

const good = () => ["0", "1"].flatMap((name) => [[`${name}.jpg`, jpeg] as const, [`${name}.cls`, name] as const]);

/** Changes a field of the first header and corrects its checksum. */
function withField(bytes: Buffer, at: number, field: string): Buffer {
  bytes.write(field, at, "latin1");
  bytes.fill(" ", 148, 156);
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}

describe("a shard is refused", () => {
  test.each([
    ["in a header", 700 + 512, /truncated/],
    ["in a photo", 900, /at 0: it is truncated: "0\.jpg" needs \d+ bytes, but only 388 are left/],
    ["without its end", -1024, /has no end-of-archive block/],
    ["to nothing", 0, /at 0: it has no end-of-archive block/],
  ])("that is truncated %s", async (_, length, message) => {
    const error = await opening(good(), (bytes) => bytes.subarray(0, length < 0 ? bytes.length + length : length));
    expect(error).toMatchObject({ code: "ERR_SHARD", exitCode: 2 });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/train-000\.tar at \d+/);
  });

  test.each(["../../evil.jpg", "/etc/evil.jpg", "a/../../evil.jpg", "a\\..\\evil.jpg", "a//b.jpg", "a\nb.jpg"])(
    "whose member is named %s",
    async (name) => {
      // tar-stream itself would not write a name that begins with "/".
      const error = await opening([["x".repeat(name.length), jpeg]], (bytes) => withField(bytes, 0, name));
      expect(error).toMatchObject({ code: "ERR_SHARD" });
      expect(error.message).toContain(`the name ${JSON.stringify(name)} leads out of the shard`);
    },
  );

  test("that holds a link, a pipe or an unknown type", async () => {
    expect((await opening([["0.jpg", "", "/etc/passwd"], ...good()])).message).toContain('"0.jpg" is a link');
    for (const [type, what] of Object.entries({
      "1": "a link",
      "6": "a pipe",
      "4": "a device",
      S: "a sparse file",
      "?": 'of the unknown type "?"',
    })) {
      expect((await opening(good(), (bytes) => withField(bytes, 156, type))).message).toContain(`is ${what}`);
    }
  });

  test("with impossible sizes", async () => {
    const size = async (field: string) => (await opening(good(), (bytes) => withField(bytes, 124, field))).message;
    expect(await size("-0000000001\0")).toContain("a size is negative");
    expect(await size(`\xff${"\xff".repeat(11)}`)).toContain("a size is negative");
    expect(await size(`\x80${"\xff".repeat(11)}`)).toContain("a size is too large");
    expect(await size("77777777777\0")).toContain("needs 8589934591 bytes");
    expect(await size("9999\0       ")).toContain("damaged");
  });

  test.each(["9 path=a\nrest", "9 path=a\n0 ", "99 path=a\n", "8 path=a\n", "9 patha.\n", "7 size=\n"])(
    "whose extended header is %j",
    (text) => {
      const refuse = (reason: string): never => {
        throw new UsageError("ERR_SHARD", reason);
      };
      expect(codedError(() => readPaxRecords(Buffer.from(text), refuse)).message).toMatch(
        /extended header is damaged|size is ""/,
      );
    },
  );

  test("that is not in the layout of WebDataset, lacks classes, or holds a photo twice", async () => {
    const folder = await opening([
      ["cat/1.jpg", jpeg],
      ["dog/1.jpg", jpeg],
    ]);
    expect(folder.message).toMatch(
      /2 of its 2 samples lack the photo or the class, the first is "cat\/1".*to be unpacked/,
    );
    expect((await opening([...good(), ["2.cls", "1"]])).message).toContain('"2", which has no photo');
    expect((await opening([...good(), ...good()])).message).toContain('holds "0" twice');
    expect(
      (
        await opening([
          ["0.jpg", jpeg],
          ["0.cls", "cat"],
          ["1.jpg", jpeg],
          ["1.cls", "1".repeat(70_000)],
        ])
      ).message,
    ).toContain("too much for a class");
    expect((await opening([], () => Buffer.from("no archive ".repeat(200)))).message).toContain("not a tar archive");
  });

  test("with a class that is not in the list of names", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "train-0.tar"), await tarOf(good()));
    writeFileSync(join(folder, "classes.txt"), "cat\n");
    const error = await codedRejection(openTraining(folder));
    expect(error).toMatchObject({ code: "ERR_DATA_LABEL" });
    expect(error.message).toContain('has the class "1", but the classes of the set are cat.');
    writeFileSync(join(folder, "classes.txt"), "cat\ncat\n");
    expect((await codedRejection(openTraining(folder))).message).toContain('line 2 is "cat"');
  });

  test("so is an index with wrong contents", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "train-0.tar"), await tarOf(good()));
    const photo = { name: "0.jpg", offset: 512, length: 10, class: "0", key: "x" };
    const { length: bytes } = readFileSync(join(folder, "train-0.tar"));
    const index = async (change: object, whole: object = {}) => {
      const text = JSON.stringify({ schema: 1, bytes, version: "v", photos: [{ ...photo, ...change }], ...whole });
      writeFileSync(join(folder, "train-0.index.json"), text);
      const error = await codedRejection(openTraining(folder));
      expect(error).toMatchObject({ code: "ERR_SHARD_INDEX", exitCode: 2 });
      return error.message;
    };
    for (const change of [
      { name: "../0.jpg" },
      { offset: -1 },
      { length: 1e15 },
      { offset: 1.5 },
      { class: 3 },
      { doubtful: "?" },
    ]) {
      expect(await index(change)).toContain("has an invalid photo");
    }
    expect(await index({}, { photos: 3 })).toContain("another schema");
    expect(await index({}, { bytes: bytes + 512 })).toContain(`has ${bytes} bytes, but its index`);
  });
});

describe("photos", () => {
  test("whose bytes differ from the index are bad photos, named with shard and offset", async () => {
    const folder = temporaryFolder();
    const shard = filesOf(shards, ".tar")[0];
    const bytes = readFileSync(join(shards, shard));
    const index = JSON.parse(readFileSync(join(shards, shard.replace(".tar", ".index.json")), "utf8"));
    const { name, offset, length } = index.photos[3];
    bytes[offset + Math.floor(length / 2)] ^= 1;
    writeFileSync(join(folder, shard), bytes);
    writeFileSync(join(folder, shard.replace(".tar", ".index.json")), JSON.stringify(index));
    const error = await codedRejection(readPhoto(join(folder, shard, name)));
    expect(error).toMatchObject({ code: "ERR_IMAGE" });
    expect(error.message).toContain(`${name}: its bytes differ from those in the index, at ${offset} of its shard`);
  });

  test("that are not images are found when shards are opened", async () => {
    const folder = temporaryFolder();
    const bad = [
      ["2.jpg", "no image"],
      ["2.cls", "0"],
      ["3.jpg", jpeg.subarray(0, 700)],
      ["3.cls", "1"],
    ] as const;
    writeFileSync(join(folder, "train-0.tar"), await tarOf([...good(), ...bad]));
    const error = await codedRejection(openTraining(folder));
    expect(error).toMatchObject({ code: "ERR_BAD_IMAGES" });
    expect(error.message).toMatch(
      /2 photos of .*train-0\.tar\/2\.jpg: it is text.*train-0\.tar\/3\.jpg: it is a JPEG, truncated/s,
    );
    const skipping = await openTraining(folder, { onBadImage: "skip" });
    expect(skipping.sizes).toEqual({ train: 2 });
  });
});

describe("a server", () => {
  /** Fails in a given way for the first `times` ranges of a shard, after those for opening it. */
  const failing = (how: Answer, times: number): Answer => {
    let failed = 0;
    return (request, response, connection) => {
      const isPhoto = request.url!.endsWith(".tar") && request.headers.range !== "bytes=0-0";
      if (isPhoto && failed++ < times) how(request, response, connection);
      else sendFiles(shards)(request, response, connection);
    };
  };
  const answers500: Answer = (_, response) => void response.writeHead(500).end("no");
  const stalls: Answer = (request, response) => {
    const [, start, end] = /(\d+)-(\d+)/.exec(request.headers.range!)!.map(Number);
    response.writeHead(206, { "content-length": end - start + 1, "content-range": `bytes ${start}-${end}/1000000` });
    response.write(Buffer.alloc((end - start) / 2));
  };
  const breaksOff: Answer = (request, response) => {
    const [, start, end] = /(\d+)-(\d+)/.exec(request.headers.range!)!.map(Number);
    response.writeHead(206, { "content-length": end - start + 1, "content-range": `bytes ${start}-${end}/1000000` });
    response.write(Buffer.alloc((end - start) / 2), () => response.socket!.end());
  };
  const liesAbout: Answer = (request, response) => {
    const [, start, end] = /(\d+)-(\d+)/.exec(request.headers.range!)!.map(Number);
    response.writeHead(206, { "content-length": end - start + 1, "content-range": `bytes ${start}-${end}/1000000` });
    response.end(Buffer.alloc(end - start + 1, 7));
  };

  test("that fails for a short time does not change the result", async () => {
    const expected = await collect((await openTraining(shards)).train!.loader(4).epoch(0, 0));
    for (const how of [answers500, breaksOff, liesAbout]) {
      const { url } = await serve(failing(how, 3));
      expect(await collect((await openTraining(url)).train!.loader(4).epoch(0, 0))).toEqual(expected);
    }
  });

  test.each([
    ["answers 500", answers500, "ERR_NETWORK", /the server answered 500/],
    ["stalls", stalls, "ERR_NETWORK", /nothing arrived for 0\.05 s/],
    ["breaks off half-way", breaksOff, "ERR_NETWORK", /the connection ended after \d+ of \d+ bytes/],
    ["sends other bytes", liesAbout, "ERR_NETWORK", /its bytes differ from those in the index/],
    [
      "knows no ranges",
      ((_, response) => void response.writeHead(200).end("all")) as Answer,
      "ERR_SHARD",
      /does not answer range requests/,
    ],
    [
      "has lost the shard",
      ((_, response) => void response.writeHead(404).end()) as Answer,
      "ERR_SHARD",
      /answered 404/,
    ],
  ])("that %s in every attempt is named with shard and offset", async (_, how, code, message) => {
    const { url, ranges } = await serve(failing(how, Number.POSITIVE_INFINITY));
    await openTraining(url);
    const shard = filesOf(shards, ".tar")[0];
    const { photos } = JSON.parse(readFileSync(join(shards, shard.replace(".tar", ".index.json")), "utf8"));
    ranges.length = 0;
    const error = await codedRejection(readPhoto(`${url}${shard}/${photos[2].name}`, { pauseMs: 1, stallMs: 50 }));
    expect(error).toMatchObject({ code, exitCode: 1 });
    expect(error.message).toContain(`${url}${shard} at ${photos[2].offset}`);
    expect(error.message).toMatch(message);
    expect(ranges).toHaveLength(code === "ERR_NETWORK" ? 6 : 1);
  });

  test("that refuses all requests ends a pass, or an inspection, with its error", async () => {
    const { url } = await serve(failing((_, response) => void response.writeHead(403).end(), Number.POSITIVE_INFINITY));
    const { train } = await openTraining(url);
    expect(await codedRejection(collect(train!.loader(4).epoch(0, 0)))).toMatchObject({ code: "ERR_SHARD" });
    const [shard] = filesOf(shards, ".tar");
    const { photos } = JSON.parse(readFileSync(join(shards, shard.replace(".tar", ".index.json")), "utf8"));
    const looking = inspectPhotos([`${url}${shard}/${photos[0].name}`], { workers: 1 });
    expect(await codedRejection(looking)).toMatchObject({ code: "ERR_SHARD" });
  });

  test("that sends more than requested is refused", async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(206, { "content-range": "bytes 0-9/1000000" });
      response.end(Buffer.alloc(100_000));
    });
    const error = await codedRejection(readRange(`${url}a.tar`, 0, 10, { pauseMs: 1 }));
    expect(error.message).toContain("sent more than the 10 bytes");
  });
});
