import type { Command } from "commander";
import { shellWord } from "../../errors.js";
import { registeredNames } from "../../registered-parts.js";
import type { PresetName } from "../../weights/preset-names.js";
import { downloadProgress } from "../output/download-progress.js";

/** `advprop models [--published]` and `advprop models import FILE --to FILE`. */
export function define(command: Command): void {
  command
    .option("--published", "list weights that others published; give their reference to --weights or evaluate")
    .option(
      "--json",
      "print a JSON array: { name, parameters, batchNorms, batchNormChannels, imageSize } of networks, and registered: true of those of --parts",
    )
    .action(list);
  command
    .command("import")
    .description("convert weights of timm, torchvision, efficientnet_pytorch and others to an advprop file")
    .argument("<weights>", "a .pth, .pt, .th, .pth.tar or .safetensors file, an https address, or hf:OWNER/NAME[/FILE]")
    .requiredOption("--to <file>", "the file to write, a name that ends in .safetensors")
    .option("--model <name>", "the network (default: recognised by its tensors)")
    .option(
      "--preset <name>",
      "how pixels are normalised: advprop, imagenet, half or none (default: as published, else the usual one of the network)",
    )
    .option("--quiet", "hide the progress")
    .action(importWeights);
}

async function list({ published, json }: { readonly published?: boolean; readonly json?: boolean }): Promise<void> {
  if (!published) {
    // Not the registry, which needs libtorch.
    const { MODEL_SUMMARIES } = await import("../../models/summaries.js");
    const own = await ownNetworks();
    if (json) return print([...MODEL_SUMMARIES, ...own.map((summary) => ({ ...summary, registered: true }))]);
    const rows = [...MODEL_SUMMARIES, ...own].map(
      ({ name, parameters, batchNorms, batchNormChannels, imageSize }, i) => [
        i < MODEL_SUMMARIES.length ? name : `${name} (registered)`,
        parameters.toLocaleString("en"),
        String(batchNorms),
        batchNormChannels.toLocaleString("en"),
        String(imageSize),
      ],
    );
    return printTable([["name", "parameters", "batch norms", "their channels", "image size"], ...rows], 1);
  }
  const { PUBLISHED_WEIGHTS } = await import("../../weights/published.js");
  if (json) return print(PUBLISHED_WEIGHTS);
  const rows = PUBLISHED_WEIGHTS.map(({ reference, model, training, preset, accuracy, checked }) => [
    model,
    preset,
    accuracy === undefined ? "" : `${(100 * accuracy).toFixed(1)} %`,
    checked,
    training,
    reference,
  ]);
  printTable([["network", "preset", "published", "checked", "training", "reference"], ...rows], 6);
  console.log(
    "\npublished: top-1 accuracy as the authors report it. checked: what was tested here. file: the published file was evaluated. layout: a " +
      "file with random weights, saved by the same library, gave the library's logits. family: the same for another size of the network.",
  );
}

/** The networks of --parts. */
async function ownNetworks() {
  const names = registeredNames("network");
  if (names.length === 0) return [];
  const { architecture, summarize } = await import("../../models/registry.js");
  return names.map((name) => summarize(architecture(name)));
}

interface ImportFlags {
  readonly to: string;
  readonly model?: string;
  readonly preset?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

async function importWeights(reference: string, _: ImportFlags, command: Command): Promise<void> {
  // The parent command also has --json, and its parser takes the value.
  const { to, model, preset, json, quiet } = command.optsWithGlobals<ImportFlags>();
  const { runImport } = await import("../run-import.js");
  const progress = downloadProgress(quiet === true);
  const given = { model, preset: preset as PresetName | undefined, onProgress: progress.show };
  const result = await runImport(reference, to, given);
  progress.end(result.notes);
  if (json) return print(result);
  const size = `${(result.bytes / 1e6).toFixed(1)} MB`;
  console.log(
    `${to}: ${result.model}, ${result.tensors} tensors, ${size}. Train from it with: --weights ${shellWord(to)}`,
  );
}

const print = (value: unknown): void => console.log(JSON.stringify(value, undefined, 2));

/** Columns from `left` on are numbers and are aligned to the right. */
function printTable(rows: readonly (readonly string[])[], left: number): void {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, i) => (i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i])));
    console.log(cells.join("  ").trimEnd());
  }
}
