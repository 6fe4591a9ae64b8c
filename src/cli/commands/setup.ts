import type { Command } from "commander";

/** `advprop setup`builds the engine and installs ONNX Runtime, which the npm package does not contain. Exit code 1 if either fails. */
export function define(command: Command): void {
  command.action(async () => {
    const { setUp } = await import("../run-setup.js");
    if (!setUp((line) => console.error(line))) process.exitCode = 1;
  });
}
