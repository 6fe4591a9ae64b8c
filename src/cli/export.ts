import type { Command } from "commander";
import { UsageError } from "../errors.js";
import { downloadProgress } from "./download-progress.js";

interface ExportCommandOptions {
  readonly to: string;
  readonly auxiliary?: boolean;
  readonly checkpoint?: string;
  readonly json?: boolean;
}

/** `advprop export MODEL --to FILE [--auxiliary]`: weights that other programs can read. */
export function define(command: Command): void {
  command
    .argument("<model>", "a run folder, or weights: see docs/weights.md")
    .requiredOption("--to <file>", "where to write, a name that ends in .safetensors")
    .option("--auxiliary", "with the batch norms of the auxiliary routes (default: those of main alone)")
    .option(
      "--checkpoint <which>",
      "of a run folder: last, best or a kept step (default: best if there is one, else last)",
    )
    .option("--json", "print one JSON object: { file, from, notes, model, tensors, routes, bytes, preprocessing }")
    .action(exportModel);
}

async function exportModel(model: string, options: ExportCommandOptions): Promise<void> {
  const { to, auxiliary = false, checkpoint, json } = options;
  if (!to.endsWith(".safetensors")) {
    throw new UsageError("ERR_EXPORT", `export: --to must name a file that ends in .safetensors; got ${to}`);
  }
  const { runExport } = await import("./run-export.js");
  const progress = downloadProgress(false);
  const result = await runExport(model, to, auxiliary, { checkpoint, onProgress: progress.show });
  progress.end(result.notes);
  if (json) {
    console.log(JSON.stringify(result));
    return;
  }
  const size = `${(result.bytes / 1e6).toFixed(1)} MB`;
  const { describePreprocessing } = await import("../export/preprocessing.js");
  const what = `${to}: ${result.model}, ${result.tensors} tensors, ${size}, ${result.routes.join(" and ")} (from ${result.from})`;
  const lines = describePreprocessing(result.preprocessing).map((line) => `  ${line}`);
  console.log(
    [what, "What a program that uses it has to do, which is in the file's metadata too:", ...lines].join("\n"),
  );
}
