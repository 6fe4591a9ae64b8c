/** The flag `--parts FILE`, which may be repeated: the user's own networks, attacks and corruptions. */
import { type Command, Option } from "commander";

/** The commands that take the name of a network, an attack or a corruption, or a run. `launch` passes the flag to `train`. */
export const COMMANDS_WITH_PARTS: readonly string[] = [
  "train",
  "evaluate",
  "compare",
  "report",
  "predict",
  "serve",
  "attack",
  "export",
  "bench",
  "corrupt",
  "models",
];

export const partsOption = (): Option =>
  new Option(
    "--parts <file>",
    "JavaScript file that registers your own networks, attacks or corruptions; may be repeated (docs/extending.md)",
  ).argParser((file: string, earlier: readonly string[] = []) => [...earlier, file]);

/** Adds the flag to a command, which then loads the files before it does anything. */
export function addParts(command: Command): void {
  command.addOption(partsOption()).hook("preAction", async () => {
    const { parts = [] } = command.opts<{ readonly parts?: readonly string[] }>();
    if (parts.length === 0) return;
    const { loadParts } = await import("../../parts.js");
    for (const file of parts) await loadParts(file);
  });
}
