/**
 * Images per second of the photo loader against Pillow doing the same on one core, in turns within one run.
 *
 *     npm run build && node bench/loader.mjs [--data PATH] [--size 224] [--rounds 3] [--python /usr/bin/python3]
 *
 * Without --data the photos are made: 60 JPEGs of 1600 x 1200, about 300 KB each, as a phone sends them. With it, up to 1000
 * photos of the folder are read. Needs Python with Pillow and NumPy (Debian: python3-pil python3-numpy).
 *
 * "images/s" is by the clock, which a busy machine spoils; "per CPU second" is the work that one core does.
 */

import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { scanImageFolder } from "../dist/data/folders/image-folder.js";
import { defaultWorkers } from "../dist/data/loading/worker-threads.js";
import { trainingPhotos } from "../dist/data/photos/photo-loader.js";
import { limitStratified, photoSet } from "../dist/data/photos/photo-set.js";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    size: { type: "string", default: "224" },
    rounds: { type: "string", default: "3" },
    python: { type: "string", default: "/usr/bin/python3" },
  },
});
const size = Number(values.size);
const folder = scanImageFolder(values.data ?? (await makePhotos("build/bench-photos")));
const set = limitStratified(photoSet(folder, folder.parts.train, folder.parts.train), 1000, 0);
const files = set.files.map((file) => join(set.root, file));
const batchSize = Math.min(64, set.length);

const contestants = [
  ["Pillow, one core", pillow()],
  ["loader, one worker", loader({ workers: 1 })],
  [`loader, ${defaultWorkers()} workers`, loader({ workers: defaultWorkers() })],
  ["cached, one worker", loader({ workers: 1, cacheBytes: 4e9 })],
  [`cached, ${defaultWorkers()} workers`, loader({ workers: defaultWorkers(), cacheBytes: 4e9 })],
];
// Once unmeasured: files come into the system's cache, code is compiled, photos are decoded into the loader's cache.
for (const [, { round }] of contestants) await round();
const results = contestants.map(() => []);
for (let turn = 0; turn < Number(values.rounds); turn++) {
  for (const [i, [, { round }]] of contestants.entries()) results[i].push(await round());
}
for (const [, { close }] of contestants) await close();

console.log(`${set.length} photos of ${folder.root} to ${size} x ${size}; medians of ${values.rounds} rounds in turns`);
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const rates = results.map((list) => ({
  wall: median(list.map(({ images, seconds }) => images / seconds)),
  cpu: median(list.map(({ images, cpuSeconds }) => images / cpuSeconds)),
}));
console.log(`${"".padEnd(20)}  images/s      ratio   per CPU second      ratio`);
for (const [i, [name]] of contestants.entries()) {
  const { wall, cpu } = rates[i];
  const cells = [wall.toFixed(0).padStart(8), (wall / rates[0].wall).toFixed(2).padStart(9)];
  console.log(
    `${name.padEnd(20)}  ${cells.join("  ")}  ${cpu.toFixed(0).padStart(15)}  ${(cpu / rates[0].cpu).toFixed(2).padStart(9)}`,
  );
}

function pillow() {
  const child = spawn(values.python, [join(import.meta.dirname, "loader_pillow.py"), String(size), ...files], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async round() {
      child.stdin.write("\n");
      const { value, done } = await lines.next();
      if (done) throw new Error(`${values.python} ended: it needs Pillow and NumPy`);
      return { images: files.length, ...JSON.parse(value) };
    },
    close: () => child.stdin.end(),
  };
}

function loader(options) {
  const photos = trainingPhotos(set, { batchSize, size, seed: 0, ...options });
  let epoch = 0;
  return {
    async round() {
      const [start, cpu] = [performance.now(), process.cpuUsage()];
      let images = 0;
      for await (const { labels } of photos.epoch(epoch++, 0)) images += labels.length;
      const { user, system } = process.cpuUsage(cpu);
      return { images, seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 };
    },
    close: () => photos.close(),
  };
}

/** Photos with soft shapes and sensor noise, which compress as real ones do. */
async function makePhotos(path) {
  for (let i = 0; i < 60; i++) {
    const file = join(path, i % 2 === 0 ? "a" : "b", `${i}.jpg`);
    if (existsSync(file)) continue;
    mkdirSync(join(file, ".."), { recursive: true });
    const random = (n) => ((i + 1) * (n + 7) * 2654435761) % 4294967296;
    const coarse = Uint8Array.from({ length: 40 * 30 * 3 }, (_, n) => random(n) >>> 24);
    const [width, height] = [1600, 1200];
    const noise = { type: "gaussian", mean: 128, sigma: 10 };
    const grain = await sharp({ create: { width, height, channels: 3, background: "#808080", noise } })
      .png()
      .toBuffer();
    await sharp(coarse, { raw: { width: 40, height: 30, channels: 3 } })
      .resize(width, height, { fit: "fill", kernel: "cubic" })
      .composite([{ input: grain, blend: "soft-light" }])
      .jpeg({ quality: 85 })
      .toFile(file);
  }
  return path;
}
