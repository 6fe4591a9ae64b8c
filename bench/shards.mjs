/**
 * Images per second out of shards on a disk and over HTTP on this machine, and the memory of the reading process as it goes.
 *
 *     npm run build && node bench/shards.mjs --data PHOTOS [--bytes 2GB] [--size 224] [--rounds 2]
 *
 * The photos of a folder are repeated until the shards have so many bytes; they stay in build/bench-shards. Each round reads one epoch
 * of all of them in a process of its own, from the disk and from a server in another process, in turns. "images/s" is by the clock, which a busy
 * machine spoils; "per CPU second" counts the reading process alone.
 */
import { fork, spawnSync } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { scanImageFolder } from "../dist/data/folders/image-folder.js";
import { openData } from "../dist/data/open-data.js";
import { ShardWriter } from "../dist/data/shards/shard-writer.js";
import { bytes as bytesOf } from "../dist/recipes/rules.js";

const SCRIPT = fileURLToPath(import.meta.url);
const SHARD_BYTES = 64e6;
const BATCH = 64;
/** Places of an epoch at which memory is looked at. */
const LOOKS = 10;

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    bytes: { type: "string", default: "2GB" },
    size: { type: "string", default: "224" },
    rounds: { type: "string", default: "2" },
    read: { type: "string" },
    serve: { type: "string" },
  },
});
if (values.serve !== undefined) serve(values.serve);
else if (values.read !== undefined) console.log(JSON.stringify(await readAll(values.read)));
else await compare();

async function compare() {
  if (values.data === undefined) {
    console.error("bench/shards: which photos are repeated must be said: --data PHOTOS");
    process.exit(2);
  }
  const folder = join("build/bench-shards", `${basename(values.data)}-${values.bytes}`);
  if (!existsSync(join(folder, "index.json"))) await makeShards(values.data, folder, bytesOf(values.bytes));
  const { shards } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
  const sum = (of) => shards.reduce((total, shard) => total + shard[of], 0);
  const server = fork(SCRIPT, ["--serve", folder]);
  const [port] = await new Promise((resolve) => server.once("message", (message) => resolve([message])));
  const places = { disk: folder, http: `http://127.0.0.1:${port}` };
  const rounds = { disk: [], http: [] };
  try {
    // Once unmeasured: the shards come into the system's cache.
    read(places.disk);
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [name, place] of Object.entries(places)) rounds[name].push(read(place));
    }
  } finally {
    server.kill();
  }
  console.log(
    `${sum("photos")} photos, ${(sum("bytes") / 1e6).toFixed(0)} MB in ${shards.length} shards, to ${values.size} x ${values.size}; ` +
      `medians of ${values.rounds} rounds in turns`,
  );
  const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
  const rate = (name, time) => median(rounds[name].map((one) => one.images / one[time]));
  for (const [time, words] of [
    ["seconds", "images/s"],
    ["cpuSeconds", "per CPU second"],
  ]) {
    const [disk, http] = [rate("disk", time), rate("http", time)];
    console.log(
      `${words.padEnd(15)} disk ${disk.toFixed(0)}, http ${http.toFixed(0)}, http/disk ${(http / disk).toFixed(2)}`,
    );
  }
  for (const [name, list] of Object.entries(rounds)) {
    const { resident } = list.at(-1);
    console.log(
      `${name}: MB resident at each tenth of the epoch: ${resident.map((one) => (one / 1e6).toFixed(0)).join(" ")}`,
    );
  }
}

function read(place) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, "--read", place, "--size", values.size], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** One epoch. */
async function readAll(path) {
  const augmentation = { crop: 0, flip: true };
  const opened = await openData(path, { parts: ["train"], seed: 0, imageSize: Number(values.size), augmentation });
  const loader = opened.train.loader(BATCH);
  const resident = [];
  const before = { time: performance.now(), cpu: process.cpuUsage() };
  let step = 0;
  for await (const _ of loader.epoch(0, 0)) {
    if (++step % Math.ceil(loader.stepsPerEpoch / LOOKS) === 0) resident.push(process.memoryUsage.rss());
  }
  const { user, system } = process.cpuUsage(before.cpu);
  await opened.close();
  const seconds = (performance.now() - before.time) / 1000;
  return { images: step * BATCH, seconds, cpuSeconds: (user + system) / 1e6, resident };
}

/** Files of a folder, with ranges. */
function serve(folder) {
  const server = createServer((request, response) => {
    const path = join(folder, request.url);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) return response.writeHead(404).end();
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const [start, end] = range === null ? [0, size - 1] : [Number(range[1]), Math.min(Number(range[2]), size - 1)];
    response.writeHead(range === null ? 200 : 206, {
      "content-length": end + 1 - start,
      ...(range && { "content-range": `bytes ${start}-${end}/${size}` }),
    });
    createReadStream(path, { start, end }).pipe(response);
  });
  server.listen(0, "127.0.0.1", () => process.send(server.address().port));
}

/** Shards of so many bytes, written as `data pack` writes them. */
async function makeShards(photos, to, wanted) {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  const { root, classes, parts } = scanImageFolder(photos);
  const shards = [];
  let written = 0;
  let writer;
  const close = async () => {
    const { path, photos, size, sha256 } = await writer.finish();
    shards.push({ file: basename(path), photos, bytes: size, sha256 });
    writer = undefined;
  };
  for (let copy = 0; written < wanted; copy++) {
    for (const { file, label } of parts.train) {
      if (written >= wanted) break;
      const bytes = readFileSync(join(root, file));
      const key = `${copy}/${file.replace(/\.[^.]*$/, "").replaceAll(".", "_")}`;
      if (writer !== undefined && !writer.hasRoom(SHARD_BYTES, key, bytes.length)) await close();
      writer ??= new ShardWriter(join(to, `train-${String(shards.length).padStart(6, "0")}.tar`));
      await writer.add(key, file.split(".").at(-1).toLowerCase(), bytes, label);
      written += bytes.length;
    }
  }
  await close();
  writeFileSync(join(to, "index.json"), JSON.stringify({ schema: 1, classes, shards }));
}
