import type { Command } from "commander";

/** `advprop setup`: makes what an installed package lacks, the engine and ONNX Runtime. Exit code 1 where either fails. */
export function define(command: Command): void {
  command.action(async () => {
    const { setUp } = await import("../run-setup.js");
    if (!setUp((line) => console.error(line))) process.exitCode = 1;
  });
}
