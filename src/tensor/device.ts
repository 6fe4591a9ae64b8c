/** What the engine runs on: versions, devices, threads, memory limit. */
import { readFileSync } from "node:fs";
import { availableParallelism, freemem } from "node:os";
import { SETUP } from "../../scripts/places.mjs";
import { UsageError } from "../errors.js";
import { native } from "./native.js";
import type { Device, DeviceName } from "./tensor.js";

/**
 * libtorch's version, whether it has CUDA and a GPU that it can use, whether our own kernels for GPUs were compiled, the
 * threads in use and the most that make sense.
 */
export function engineInfo(): {
  torch: string;
  cuda: boolean;
  cudaKernels: boolean;
  threads: number;
  maxThreads: number;
} {
  return { ...native.engineInfo(), maxThreads: availableParallelism() };
}

/**
 * The device of a name. auto is the CPU, also where there is a GPU: the kernels for GPUs have to be asked for.
 *
 * @throws ERR_DEVICE this libtorch has no CUDA, or no GPU that it can use
 */
export function resolveDevice(name: DeviceName): Device {
  if (name === "auto" || name === "cpu") return "cpu";
  const { torch, cuda } = engineInfo();
  if (cuda) return name === "cuda" ? "cuda:0" : name;
  throw new UsageError(
    "ERR_DEVICE",
    `\`device: ${name}\`: this libtorch (${torch}) has no CUDA, or no GPU that it can use. Install one that has ` +
      `(pip install torch), a driver that fits it, then run ${SETUP}; npx advprop doctor says what it finds, and docs/cuda.md the rest`,
  );
}

/**
 * Threads inside one operator. Results repeat bit for bit only with the same number.
 *
 * @param count 0 for one a core
 */
export function setThreads(count: number): void {
  if (!Number.isInteger(count) || count < 0) {
    throw new UsageError("ERR_THREADS", `threads must be a whole number, 0 for all cores; got ${count}`);
  }
  native.setThreads(count === 0 ? availableParallelism() : count);
}

/** Bytes that this process can still take: of the system and of its control group, whichever is less. */
export function availableMemory(): number {
  let available = freemem();
  const meminfo = /MemAvailable:\s+(\d+) kB/.exec(readText("/proc/meminfo"));
  if (meminfo) available = Number(meminfo[1]) * 1024;
  const limit = Number(readText("/sys/fs/cgroup/memory.max"));
  const used = Number(readText("/sys/fs/cgroup/memory.current"));
  if (limit > 0 && Number.isFinite(limit)) available = Math.min(available, Math.max(0, limit - used));
  return available;
}

/**
 * Limits the bytes of all tensors, so that a run which cannot fit fails with ERR_MEMORY_LIMIT and its message rather
 * than by the kernel's hand.
 *
 * @param bytes undefined for what is available less a tenth as reserve, 0 for no limit
 * @throws ERR_MEMORY_LIMIT not a number of bytes
 */
export function setMemoryLimit(bytes?: number): void {
  if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0)) {
    throw new UsageError(
      "ERR_MEMORY_LIMIT",
      `the memory limit must be a whole number of bytes, 0 for none; got ${bytes}`,
    );
  }
  native.setMemoryLimit(bytes ?? Math.floor(availableMemory() * 0.9));
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
