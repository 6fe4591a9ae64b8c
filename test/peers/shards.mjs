/**
 * Shards of `data pack` are read by Python's webdataset, on a disk, and shards that it writes are read here: the same keys, classes and bytes.
 *
 *     npm run test:peers -- --python PYTHON
 *
 * PYTHON needs webdataset, numpy and pillow. Prints a line a comparison, and ends with exit code 1 where one does not fit.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { recogniseFolder } from "../../dist/data/folders/recognise-folder.js";
import { photoPath, readPhoto } from "../../dist/data/photos/read-photo.js";
import { packShards } from "../../dist/data/shards/pack-shards.js";

const { values } = parseArgs({ options: { python: { type: "string" }, only: { type: "string", default: "" } } });
if (values.python === undefined) {
  console.error("test:peers: which Python has webdataset must be said: npm run test:peers -- --python PYTHON");
  process.exit(2);
}
const CLASSES = ["cat", "dog", "größe"];
const root = mkdtempSync(join(tmpdir(), "advprop-peers-"));
process.env.XDG_CACHE_HOME = join(root, "cache");
let failures = 0;
try {
  const photos = join(root, "photos");
  for (const [label, name] of CLASSES.entries()) {
    mkdirSync(join(photos, name), { recursive: true });
    for (let i = 0; i < 40; i++) {
      const raw = { width: 40 + i, height: 30 + 5 * label, channels: 3 };
      const pixels = Uint8Array.from(
        { length: raw.width * raw.height * 3 },
        (_, at) => (at * (i + 7) + 91 * label) % 253,
      );
      const image = sharp(pixels, { raw });
      // One name takes an extended header.
      const file = i === 0 ? "long ".repeat(30) : `photo.${i}`;
      await image.toFile(join(photos, name, `${file}.${["jpg", "png", "webp"][i % 3]}`));
    }
  }
  const ours = join(root, "ours");
  const packed = await packShards(photos, { to: ours, shardSize: 100_000 });
  compare(`${packed.shards} shards written here, read by webdataset`, await samplesOf(ours), python("read", ours));

  const theirs = join(root, "theirs");
  mkdirSync(theirs);
  const written = python("write", theirs, photos);
  writeFileSync(join(theirs, "classes.txt"), CLASSES.map((name) => `${name}\n`).join(""));
  const shards = readdirSync(theirs).filter((name) => name.endsWith(".tar")).length;
  compare(`${shards} shards written by webdataset, read here`, written, await samplesOf(theirs));
} finally {
  rmSync(root, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;

/** [key, class, SHA-256 of the photo] of each sample. */
async function samplesOf(folder) {
  const { classes, parts, root: at } = await recogniseFolder(folder, "peers").scan();
  if (classes.join() !== CLASSES.join()) throw new Error(`the classes are ${classes}`);
  const samples = [];
  for (const { file, label } of Object.values(parts).flat()) {
    const bytes = await readPhoto(photoPath(at, file));
    samples.push([
      file.replace(/^[^/]*\//, "").replace(/\.[^.]*$/, ""),
      label,
      createHash("sha256").update(bytes).digest("hex"),
    ]);
  }
  return samples;
}

function compare(what, expected, found) {
  const sorted = (samples) => JSON.stringify(samples.map((one) => JSON.stringify(one)).sort());
  const fits = expected.length === 3 * 40 && sorted(expected) === sorted(found);
  if (!fits) failures += 1;
  console.log(`${fits ? "ok  " : "FAIL"} ${what}: ${found.length} of ${expected.length} samples`);
}

function python(...args) {
  const script = fileURLToPath(new URL("shards.py", import.meta.url));
  const { status, stdout, stderr } = spawnSync(values.python, ["-B", script, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}
