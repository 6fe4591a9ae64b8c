/** Packing photos into shards. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import sharp from "sharp";
import { extract } from "tar-stream";
import { beforeAll, describe, expect, test } from "vitest";
import { packShards } from "../../../src/data/shards/pack-shards.js";
import { advprop } from "../../support/cli.js";
import { codedRejection } from "../../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../../support/folders.js";
import { picture, writeClasses, writePicture } from "../../support/photos.js";
import { filesOf } from "../../support/shards.js";

const root = sharedTemporaryFolder();
const photos = join(root, "photos");
beforeAll(async () => {
  await writeClasses(join(photos, "train"), { cat: 12, dog: 14 });
  await writeClasses(join(photos, "val"), { cat: 3, dog: 2 }, 100);
});

/** The members of all shards in a folder, by shard and name, as another library reads them. */
async function membersOf(folder: string): Promise<Map<string, Buffer>> {
  const members = new Map<string, Buffer>();
  for (const shard of filesOf(folder, ".tar")) {
    const archive = Readable.from([readFileSync(join(folder, shard))]).pipe(extract());
    for await (const entry of archive) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of entry) chunks.push(chunk as Uint8Array);
      members.set(`${shard}/${entry.header.name}`, Buffer.concat(chunks));
    }
  }
  return members;
}

const bytesOf = (folder: string) =>
  new Map(
    [".tar", ".json", ".txt"].flatMap((end) =>
      filesOf(folder, end).map((name) => [name, readFileSync(join(folder, name))]),
    ),
  );

describe("packShards", () => {
  test("names of photos and classes that mean something else in a shard are changed", async () => {
    const [from, to] = [join(temporaryFolder(), "odd"), join(temporaryFolder(), "shards")];
    await writeClasses(join(from, "train"), { __background__: 2, cat: 2 });
    await writePicture(join(from, "train/cat", "a\\b.jpg"), picture(70));
    await packShards(from, { to });
    const names = [...(await membersOf(to)).keys()].filter((name) => !name.endsWith(".cls"));
    expect(names).toHaveLength(5);
    expect(names.filter((name) => name.includes("/-__background__/"))).toHaveLength(2);
    expect(names.filter((name) => name.includes("cat/a_b."))).toHaveLength(1);
  });

  test("writes every photo with its bytes and class, within the size, and an index of all", async () => {
    const to = join(temporaryFolder(), "shards");
    const packed = await packShards(photos, { to, shardSize: 65_536 });
    expect(packed).toMatchObject({ photos: 31, shards: filesOf(to, ".tar").length });
    const members = await membersOf(to);
    expect(members.size).toBe(62);
    for (const [part, folder] of [
      ["train", "train"],
      ["validation", "val"],
    ]) {
      for (const [label, name] of ["cat", "dog"].entries()) {
        const own = [...members].filter(([path]) => path.startsWith(part) && path.includes(`.tar/${name}/`));
        expect(own).toHaveLength(2 * { train: [12, 14], validation: [3, 2] }[part]![label]);
        for (const [path, bytes] of own) {
          if (path.endsWith(".cls")) expect(bytes.toString()).toBe(String(label));
          else expect(bytes.equals(readFileSync(join(photos, folder, path.replace(/.*\.tar\//, ""))))).toBe(true);
        }
      }
    }
    const index = JSON.parse(readFileSync(join(to, "index.json"), "utf8"));
    expect(index.classes).toEqual(["cat", "dog"]);
    expect(index.shards.map(({ file }: { file: string }) => file).sort()).toEqual(filesOf(to, ".tar"));
    expect(index.shards.reduce((sum: number, shard: { photos: number }) => sum + shard.photos, 0)).toBe(31);
    for (const { bytes } of index.shards) expect(bytes).toBeLessThanOrEqual(65_536);
    // Every shard has several classes.
    expect(
      new Set([...members].filter(([path]) => /^train-000000.*cls$/.test(path)).map(([, bytes]) => bytes.toString()))
        .size,
    ).toBe(2);
  });

  test("resumes after a killed process and ends with the same bytes; a finished set is not changed", async () => {
    const [whole, killed] = [join(temporaryFolder(), "shards"), join(temporaryFolder(), "shards")];
    for (const to of [whole, killed]) await packShards(photos, { to, shardSize: 65_536 });
    const before = bytesOf(whole);
    rmSync(join(killed, "index.json"));
    rmSync(join(killed, "train-000001.tar"));
    rmSync(join(killed, "validation-000000.index.json"));
    writeFileSync(join(killed, ".train-000001.tar.12345.tmp"), "half");
    await packShards(photos, { to: killed, shardSize: 65_536 });
    expect(bytesOf(killed)).toEqual(before);
    expect(existsSync(join(killed, ".train-000001.tar.12345.tmp"))).toBe(false);
    await packShards(photos, { to: whole, shardSize: 65_536 });
    expect(bytesOf(whole)).toEqual(before);
    const error = await codedRejection(packShards(photos, { to: whole, shardSize: 70_000 }));
    expect(error).toMatchObject({ code: "ERR_SET_EXISTS" });
    expect(error.message).toContain("shard size is 65536; got 70000");
    expect(bytesOf(whole)).toEqual(before);
  });

  test("shrinks photos, and never enlarges them", async () => {
    const folder = temporaryFolder();
    await writePicture(join(folder, "a/large.png"), picture(1, 300, 200));
    await writePicture(join(folder, "a/tall.webp"), picture(2, 100, 400));
    await writePicture(join(folder, "b/small.v1.png"), picture(3, 50, 40));
    // The format follows from the bytes. The upright photo has 60 x 120 pixels.
    await writePicture(join(folder, "b/turned.jpg"), picture(4, 120, 60).withMetadata({ orientation: 6 }));
    writeFileSync(join(folder, "b/wrong.jpg"), await picture(5, 40, 40).png().toBuffer());
    mkdirSync(join(folder, "b/deep"));
    await writePicture(join(folder, "b/deep/größe.jpg"), picture(6, 90, 90));
    const to = join(temporaryFolder(), "shards");
    await packShards(folder, { to, resize: 50 });
    const members = await membersOf(to);
    const sizes = new Map<string, string>();
    for (const [path, bytes] of members) {
      if (path.endsWith(".cls")) continue;
      const { width, height, format, orientation = 1 } = await sharp(bytes).metadata();
      sizes.set(path.replace("photos-000000.tar/", ""), `${format} ${width}x${height} ${orientation}`);
    }
    expect(new Map([...sizes].sort())).toEqual(
      new Map([
        ["a/large.jpg", "jpeg 75x50 1"],
        ["a/tall.jpg", "jpeg 50x200 1"],
        ["b/deep/größe.jpg", "jpeg 50x50 1"],
        ["b/small_v1.png", "png 50x40 1"],
        ["b/turned.jpg", "jpeg 50x100 1"],
        ["b/wrong.png", "png 40x40 1"],
      ]),
    );
    expect(members.get("photos-000000.tar/b/small_v1.png")).toEqual(readFileSync(join(folder, "b/small.v1.png")));
  });

  test("writes nothing where a photo cannot be read, and names it", async () => {
    const folder = temporaryFolder();
    await writeClasses(folder, { cat: 2, dog: 2 });
    writeFileSync(join(folder, "cat/bad.jpg"), "no image");
    const to = join(temporaryFolder(), "shards");
    const error = await codedRejection(packShards(folder, { to }));
    expect(error).toMatchObject({ code: "ERR_BAD_IMAGES", exitCode: 2 });
    expect(error.message).toContain("cat/bad.jpg");
    expect(existsSync(to)).toBe(false);
  });

  test("packs shards into shards", async () => {
    const [first, second] = [join(temporaryFolder(), "shards"), join(temporaryFolder(), "shards")];
    await packShards(photos, { to: first, shardSize: 65_536 });
    await packShards(first, { to: second });
    const names = async (folder: string) =>
      [...(await membersOf(folder)).keys()].map((path) => path.replace(/-\d+/, "")).sort();
    expect(await names(second)).toEqual(await names(first));
  });

  test.each([
    [{ shardSize: 100 }, "ERR_SHARD_SIZE"],
    [{ resize: 0.5 }, "ERR_IMAGE_SIZE"],
  ])("refuses %j", async (options, code) => {
    expect(await codedRejection(packShards(photos, { to: "never", ...options }))).toMatchObject({ code });
  });
});

test("the command packs, and trains on a folder of shards", () => {
  const to = join(temporaryFolder(), "shards");
  const { status, stdout, stderr } = advprop([
    "data",
    "pack",
    photos,
    "--to",
    to,
    "--shard-size",
    "64KiB",
    "--quiet",
    "--json",
  ]);
  expect([status, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toMatchObject({ to, photos: 31 });
  const wrong = advprop(["data", "pack", photos, "--to", to, "--shard-size", "many"]);
  expect([wrong.status, wrong.stderr]).toEqual([
    2,
    expect.stringContaining("--shard-size must be a size such as 256MB; got many"),
  ]);
  const run = join(temporaryFolder(), "run");
  const training = [
    "--model",
    "resnet20",
    "--method",
    "vanilla",
    "--image-size",
    "32",
    "--limit-train",
    "16",
    "--batch-size",
    "8",
  ];
  const trained = advprop([
    "train",
    "--data",
    to,
    ...training,
    "--epochs",
    "1",
    "--threads",
    "1",
    "--run",
    run,
    "--quiet",
  ]);
  expect([trained.status, trained.stderr]).toEqual([0, expect.not.stringContaining("ERR")]);
  expect(existsSync(join(run, "checkpoints"))).toBe(true);
});
