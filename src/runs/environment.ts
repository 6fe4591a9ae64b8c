/** Describes the machine of a run. */

import { readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";

/** What Node.js knows about the machine. */
export interface Environment {
  /** Version of Node.js, as "20.20.2". */
  readonly node: string;
  /** Operating system and processor architecture, as "linux-x64". */
  readonly platform: string;
  /** As {@link processorName}. */
  readonly cpu: string;
  /** Cores that this process may use. */
  readonly cores: number;
  readonly memoryBytes: number;
}

/**
 * The processor, as "AMD EPYC (family 25, model 17)". Generations can share a name, and libraries choose kernels by family and model, so
 * two of them round differently. The name alone where the system does not tell more.
 */
export function processorName(): string {
  const name = cpus()[0]?.model.trim() ?? "unknown";
  const text = cpuInfo();
  const field = (key: string) => new RegExp(`^${key}\\s*: (\\d+)$`, "m").exec(text)?.[1];
  const [family, model] = [field("cpu family"), field("model")];
  return family === undefined || model === undefined ? name : `${name} (family ${family}, model ${model})`;
}

/** Empty on systems other than Linux. */
function cpuInfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}

/** Describes the machine. `extra` adds fields that the caller knows, such as the version of libtorch. */
export function environment<Extra extends object = object>(extra?: Extra): Environment & Extra {
  return {
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    cpu: processorName(),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    ...(extra as Extra),
  };
}
