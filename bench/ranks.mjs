/**
 * Images a second of 1, 2, ... processes of one thread each, bytes that a rank reduces in a step, and the share of the time of its sums that is
 * hidden behind the backward pass. ResNet-20 AdvProp with PGD-5 on images of 32 px, the same mini-batch whatever the number of processes.
 *
 *     npm run build && node bench/ranks.mjs [--processes 2] [--batch-size 128] [--steps 40] [--rounds 3] [--sync-bn]
 *
 * Numbers of processes take turns, round by round, so that what else the machine does meets all of them; the median round counts.
 * For other programs to be told from this: nothing else should run.
 */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    processes: { type: "string", default: "2" },
    "batch-size": { type: "string", default: "128" },
    steps: { type: "string", default: "40" },
    rounds: { type: "string", default: "3" },
    "sync-bn": { type: "boolean", default: false },
  },
});
const RANK = fileURLToPath(new URL("./ranks-worker.mjs", import.meta.url));

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** One run of so many processes: what rank 0 measured. */
async function measure(size) {
  const port = await freePort();
  const settings = JSON.stringify({
    batchSize: Number(values["batch-size"]),
    steps: Number(values.steps),
    synchronized: values["sync-bn"],
  });
  const outputs = Array.from({ length: size }, (_, rank) => {
    const env = {
      ...process.env,
      ...{ RANK: rank, WORLD_SIZE: size, LOCAL_RANK: rank, LOCAL_WORLD_SIZE: size, MASTER_PORT: port },
      TORCHELASTIC_RESTART_COUNT: 0,
    };
    const child = spawn(process.execPath, [RANK, settings], { env, stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    return new Promise((resolve, reject) => {
      child.on("close", (status) => (status === 0 ? resolve(text) : reject(new Error(`rank ${rank} failed`))));
    });
  });
  const [first] = await Promise.all(outputs);
  return JSON.parse(first);
}

const sizes = Array.from({ length: Number(values.processes) }, (_, i) => i + 1).filter(
  (size) => Number(values["batch-size"]) % size === 0,
);
const rounds = new Map(sizes.map((size) => [size, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const size of sizes) rounds.get(size).push(await measure(size));
}
const median = (size) => {
  const sorted = [...rounds.get(size)].sort((a, b) => a.imagesPerSecond - b.imagesPerSecond);
  return sorted[Math.floor(sorted.length / 2)];
};
console.log(
  `ResNet-20 AdvProp, PGD-5, mini-batch ${values["batch-size"]}, ${cpus()[0].model.trim()}, ${cpus().length} cores`,
);
console.log("| processes | images/s | times one | ms a step | reduced, MB a step | ms of sums a step | hidden |");
console.log("| --- | --- | --- | --- | --- | --- | --- |");
const one = median(1).imagesPerSecond;
for (const size of sizes) {
  const { imagesPerSecond, stepMs, reducedBytes, sumMs, waitMs } = median(size);
  const sums =
    size === 1
      ? ["", "", ""]
      : [(reducedBytes / 1e6).toFixed(2), sumMs.toFixed(1), `${Math.max(0, 100 * (1 - waitMs / sumMs)).toFixed(0)} %`];
  const cells = [size, imagesPerSecond.toFixed(1), (imagesPerSecond / one).toFixed(2), stepMs.toFixed(1), ...sums];
  console.log(`| ${cells.join(" | ")} |`);
}
