/** The flag `--parts FILE`, which may be repeated: networks, attacks and corruptions of one's own. */
import { type Command, Option } from "commander";

/** The commands in which a network, an attack or a corruption may be named, or a run that has some. `launch` passes it to `train`. */
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
    "JavaScript that registers networks, attacks or corruptions of your own, again for each file (docs/extending.md)",
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
