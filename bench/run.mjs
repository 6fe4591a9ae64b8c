/**
 * The engine against PyTorch, in turns within one run, on an otherwise idle machine.
 *
 *     npm run bench -- [--quick] [--workloads NAME,NAME] [--python /usr/bin/python3] [--out DIR] [--page FILE]
 *
 * Writes DIR/DATE-MACHINE.json (default bench/results) and from it FILE (default docs/performance.md); a quick run writes
 * under build/ instead, since it leaves most out. PyTorch is measured where that Python has it (Debian: python3-torch), its
 * tuned allocator where libjemalloc.so.2 is installed (Debian: libjemalloc2).
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { contest } from "./contest.mjs";
import { peerVersion } from "./contestant.mjs";
import { measureGrowth } from "./growth.mjs";
import { performancePage } from "./performance-page.mjs";
import { fastest } from "./roofline.mjs";
import { GROWTH, QUICK, TINY_WORKLOADS, WORKLOADS } from "./workloads.mjs";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    workloads: { type: "string" },
    python: { type: "string", default: "/usr/bin/python3" },
    out: { type: "string" },
    page: { type: "string" },
  },
});
const known = [...WORKLOADS, ...TINY_WORKLOADS];
const names = values.workloads?.split(",") ?? (values.quick ? QUICK : WORKLOADS.map(({ name }) => name));
const unknown = names.filter((name) => !known.some((workload) => workload.name === name));
if (unknown.length > 0) {
  console.error(
    `bench: no workload named ${unknown.join(", ")}; there are ${known.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}
const say = (line) => console.error(line);
const started = performance.now();
const cores = availableParallelism();
// One thread, and one for each core.
const threads = [...new Set([1, cores])];
const pytorch = peerVersion(values.python);
if (pytorch === undefined)
  say(`${values.python} has no PyTorch: only this engine is measured (Debian: python3-torch).`);
if (loadavg()[0] > 0.5) say(`The machine is busy (load ${loadavg()[0].toFixed(1)}): these times will say little.`);

const peaks = JSON.parse(script("peaks.mjs", threads.map(String)));
say(
  `Seen peaks: ${peaks.map((p) => `${p.threads} threads ${p.fp32.toFixed(0)} GFLOP/s fp32, ${p.bf16.toFixed(0)} bf16, ${p.bandwidth.toFixed(0)} GB/s`).join("; ")}`,
);

const workloads = [];
for (const workload of known.filter(({ name }) => names.includes(name))) {
  say(workload.name);
  const options = {
    python: pytorch && values.python,
    threads: values.quick ? [cores] : threads,
    precisions: ["fp32", "bf16"],
    rounds: values.quick ? 3 : 5,
    say,
  };
  workloads.push(await contest(workload, options));
}
const growth = values.quick || values.workloads !== undefined ? [] : await measureGrowth(growthPrecision(), say);

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const machine = { processor: cpus()[0].model.trim(), cores, memoryGB: Math.round(totalmem() / 1e9) };
const result = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  versions: {
    advprop: manifest.version,
    node: process.versions.node,
    libtorch: libtorchVersion(),
    pytorch: pytorch ?? null,
  },
  minutes: (performance.now() - started) / 60_000,
  peaks,
  workloads,
  growth,
};
const folder = values.out ?? (values.quick ? "build/bench" : "bench/results");
const slug = machine.processor
  .toLowerCase()
  .replace(/[^a-z0-9]+/g, "-")
  .replace(/^-|-$/g, "");
const path = join(folder, `${result.date}-${slug}-${cores}-cores.json`);
mkdirSync(folder, { recursive: true });
writeFileSync(path, `${JSON.stringify(result, undefined, 1)}\n`);
const page = values.page ?? (values.quick ? "build/bench/performance.md" : "docs/performance.md");
mkdirSync(dirname(page), { recursive: true });
const text = performancePage(result, path);
writeFileSync(page, text);
console.log(text);
say(`Wrote ${path} and ${page} after ${result.minutes.toFixed(1)} minutes.`);

/** The engine's faster precision on the network that grows. */
function growthPrecision() {
  const { forms } = workloads.find(({ model }) => model === GROWTH[0].model);
  return fastest(forms.filter(({ by }) => by === "advprop")).precision;
}

function libtorchVersion() {
  const source = 'import { engineInfo } from "./dist/tensor/index.js"; console.log(engineInfo().torch)';
  return run(["--input-type=module", "--eval", source]).trim();
}

function script(file, args) {
  return run([fileURLToPath(new URL(file, import.meta.url)), ...args]);
}

function run(args) {
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
