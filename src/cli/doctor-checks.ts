import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { availableParallelism, freemem, loadavg, totalmem } from "node:os";
import { nativeState } from "../../scripts/build-native.mjs";
import { findLibtorch, type Libtorch } from "../../scripts/find-libtorch.mjs";
import { SETUP } from "../../scripts/places.mjs";
import { nativePhotos } from "../images/native.js";
import { findOnnxRuntime, loadOnnxRuntime } from "../predictors/onnx/onnx-runtime.js";

/** The result of one check; the facts that it found are further fields. */
export interface Check {
  /** A `missing` thing is needed for training only if it makes {@link Findings.ready} false. */
  readonly status: "ok" | "warning" | "missing";
  readonly summary: string;
  /** What to do about it. */
  readonly remedy?: string;
  readonly [fact: string]: unknown;
}

export interface Findings {
  /** Whether training can run: Node, libtorch and the native addon are there and work. */
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, Check>>;
}

/** What the engine reports about itself. */
interface EngineInfo {
  readonly torch: string;
  readonly cuda: boolean;
  readonly cudaKernels: boolean;
  readonly maxThreads: number;
}

const GIB = 2 ** 30;

/** Examines this machine. It never throws because of what it finds: a broken libtorch is reported like a missing one. */
export async function examine(): Promise<Findings> {
  const node = checkNode();
  const { libtorch, check: libtorchCheck } = checkLibtorch();
  const { engine, check: addon } = checkAddon(libtorch);
  const checks = {
    node,
    libtorch: libtorchCheck,
    addon,
    threads: checkThreads(engine),
    load: checkLoad(),
    bf16: checkBf16(),
    cuda: checkCuda(libtorch, engine),
    memory: checkMemory(),
    disk: checkDisk(),
    sharp: await checkSharp(),
    onnx: checkOnnx(),
    photos: checkPhotos(),
  };
  return { ready: [node, libtorchCheck, addon].every(({ status }) => status !== "missing"), checks };
}

function checkNode(): Check {
  const version = process.versions.node;
  const [major, minor] = version.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return { status: "ok", summary: version, version };
  return { status: "missing", summary: `${version} is too old`, remedy: "install Node.js 20.19 or newer", version };
}

function checkLibtorch(): { libtorch?: Libtorch; check: Check } {
  try {
    const libtorch = findLibtorch();
    const { version, cuda, source, root, libraryDir } = libtorch;
    const summary = `${version}${cuda ? " with CUDA" : ""} in ${libraryDir} (from ${libtorch.python ?? source})`;
    return { libtorch, check: { status: "ok", summary, version, cuda, source, root, libraryDir } };
  } catch (error) {
    const remedy = `${SETUP} installs it on Debian, and says what to install on other systems`;
    return { check: { status: "missing", summary: messageOf(error), remedy } };
  }
}

function checkAddon(libtorch: Libtorch | undefined): { engine?: EngineInfo; check: Check } {
  if (!libtorch) {
    return { check: { status: "missing", summary: "needs libtorch", remedy: SETUP, built: false, current: false } };
  }
  const { addon: path, built, current } = nativeState(libtorch);
  const facts = { path, built, current };
  if (!built) return { check: { status: "missing", summary: "not built", remedy: SETUP, ...facts } };

  const { engine, problem } = askEngine();
  if (!engine) {
    return { check: { status: "missing", summary: `does not load: ${problem}`, remedy: SETUP, ...facts } };
  }
  if (current) return { engine, check: { status: "ok", summary: path, ...facts } };
  const summary = "built from other sources, or for another libtorch, compiler or processor";
  return { engine, check: { status: "warning", summary, remedy: SETUP, ...facts } };
}

/** Loads the engine in another process, so that a crash is reported too. */
function askEngine(): { engine?: EngineInfo; problem?: string } {
  const device = JSON.stringify(new URL("../tensor/device.js", import.meta.url).href);
  const program = `import { engineInfo } from ${device}; console.log(JSON.stringify(engineInfo()));`;
  const options = { encoding: "utf8", timeout: 60_000 } as const;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", program], options);
  if (child.status === 0) return { engine: JSON.parse(child.stdout) };
  const error = child.stderr.split("\n").find((line) => /Error\b.*:/.test(line));
  return { problem: error ?? child.error?.message ?? `the process ended with ${child.signal ?? child.status}` };
}

function checkThreads(engine: EngineInfo | undefined): Check {
  const cores = availableParallelism();
  // Not engine.threads: that is libtorch's initial value, and every run sets its own.
  const maxThreads = engine?.maxThreads ?? cores;
  return { status: "ok", summary: `up to ${maxThreads} on ${cores} cores`, cores, maxThreads };
}

function checkLoad(): Check {
  const [average] = loadavg();
  const cores = availableParallelism();
  const summary = `${average.toFixed(2)} on ${cores} cores over the last minute`;
  if (average <= cores / 2) return { status: "ok", summary, average };
  const remedy = "other programs are busy and slow down every training step: stop them, or give fewer --threads";
  return { status: "warning", summary, remedy, average };
}

function checkBf16(): Check {
  const cpu = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const instructions = ["avx512_bf16", "amx_bf16", "bf16"].filter((flag) => new RegExp(`\\b${flag}\\b`).test(cpu));
  const facts = { supported: instructions.length > 0, instructions };
  if (facts.supported) return { status: "ok", summary: instructions.join(", "), ...facts };
  return {
    status: "missing",
    summary: "not supported by this processor",
    remedy: "nothing to do: fp32 is the default",
    ...facts,
  };
}

function checkCuda(libtorch: Libtorch | undefined, engine: EngineInfo | undefined): Check {
  const smi = spawnSync("nvidia-smi", ["--query-gpu=name", "--format=csv,noheader"], { encoding: "utf8" });
  const devices = smi.status === 0 ? smi.stdout.trim().split("\n").filter(Boolean) : [];
  const facts = {
    devices,
    libtorch: libtorch?.cuda ?? false,
    usable: engine?.cuda ?? false,
    kernels: engine?.cudaKernels ?? false,
  };
  if (devices.length === 0)
    return { status: "missing", summary: "no GPU", remedy: "optional: training runs on the CPU", ...facts };
  const summary = devices.join(", ");
  if (facts.usable) {
    const kernels = facts.kernels ? "with our own kernels" : "by libtorch's operators (our own kernels: docs/cuda.md)";
    return { status: "ok", summary: `${summary}: --device cuda, ${kernels}`, ...facts };
  }
  const remedy = facts.libtorch
    ? "libtorch cannot use it: install a driver that fits its CUDA version"
    : `this libtorch has no CUDA: install one that has (pip install torch), then ${SETUP}`;
  return { status: "warning", summary: `${summary}, not usable`, remedy, ...facts };
}

function checkMemory(): Check {
  const meminfo = existsSync("/proc/meminfo") ? readFileSync("/proc/meminfo", "utf8") : "";
  const kib = meminfo.match(/^MemAvailable:\s+(\d+) kB/m)?.[1];
  const availableBytes = kib ? Number(kib) * 1024 : freemem();
  // Without a limit Node gives 0 or a number larger than the machine's memory.
  const constrained = process.constrainedMemory();
  const limitBytes = constrained > 0 && constrained < totalmem() ? constrained : null;
  const limit = limitBytes === null ? "" : `, limited to ${gib(limitBytes)} by the cgroup`;
  const summary = `${gib(availableBytes)} available of ${gib(totalmem())}${limit}`;
  const facts = { availableBytes, totalBytes: totalmem(), limitBytes };
  if (Math.min(availableBytes, limitBytes ?? Infinity) >= 2 * GIB) return { status: "ok", summary, ...facts };
  return { status: "warning", summary, remedy: "stop other programs, or train with a smaller --batch-size", ...facts };
}

function checkDisk(): Check {
  const { bavail, bsize } = statfsSync(process.cwd());
  const freeBytes = bavail * bsize;
  const summary = `${gib(freeBytes)} free in ${process.cwd()}`;
  if (freeBytes >= 2 * GIB) return { status: "ok", summary, freeBytes };
  return {
    status: "warning",
    summary,
    remedy: "run folders hold checkpoints: free some space, or give --run a folder on another disk",
    freeBytes,
  };
}

async function checkSharp(): Promise<Check> {
  try {
    const { default: sharp } = await import("sharp");
    const { sharp: version, vips } = sharp.versions;
    return { status: "ok", summary: `${version} with libvips ${vips}`, version, vips };
  } catch (error) {
    const summary = `does not load: ${messageOf(error).split("\n")[0]}`;
    const remedy =
      "needed for folders of images (not for CIFAR): install the packages again, with npm's --include=optional";
    return { status: "missing", summary, remedy };
  }
}

function checkOnnx(): Check {
  try {
    loadOnnxRuntime();
    return { status: "ok", summary: `ONNX Runtime in ${findOnnxRuntime()}` };
  } catch (error) {
    return { status: "missing", summary: messageOf(error), remedy: `needed only for ONNX files: ${SETUP}` };
  }
}

function checkPhotos(): Check {
  if (nativePhotos !== null) return { status: "ok", summary: "JPEGs by libjpeg-turbo, the rest by sharp" };
  const remedy = `install libjpeg-turbo's headers (Debian: libjpeg-dev), then: ${SETUP}`;
  return { status: "warning", summary: "only by sharp, which is several times slower", remedy };
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
