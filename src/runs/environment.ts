/** Describes the machine of a run. */

import { availableParallelism, cpus, totalmem } from "node:os";

/** What Node.js knows about the machine. */
export interface Environment {
  /** Version of Node.js, as "20.20.2". */
  readonly node: string;
  /** Operating system and processor architecture, as "linux-x64". */
  readonly platform: string;
  readonly cpu: string;
  /** Cores that this process may use. */
  readonly cores: number;
  readonly memoryBytes: number;
}

/** Describes the machine. `extra` adds fields that the caller knows, such as the version of libtorch. */
export function environment<Extra extends object = object>(extra?: Extra): Environment & Extra {
  return {
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    ...(extra as Extra),
  };
}
