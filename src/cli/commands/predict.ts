import type { Command } from "commander";
import { addFlags, changesOf, MACHINE_FLAGS } from "../flags/flags.js";
import { onnxOption, onnxOptions } from "../flags/onnx-flag.js";
import { wholeNumber } from "../flags/set-flags.js";

interface PredictOptions extends Readonly<Record<string, unknown>> {
  readonly top: string;
  readonly to?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly route?: string;
  readonly checkpoint?: string;
  readonly onnx?: readonly string[];
  readonly threads: string;
}

/** `advprop predict MODEL PHOTO...`prints the most probable classes of photos. */
export function define(command: Command): void {
  command
    .argument("<model>", "a run folder, weights (see docs/weights.md), or the .onnx file of any classifier")
    .argument("[photos...]", 'files, folders, patterns such as "photos/*.jpg", or - to read a list from standard input')
    .option("--top <count>", "number of classes printed for each photo", "5")
    .option("--to <file.csv>", "write the results to a CSV file, one line per photo, instead of printing them")
    .option("--json", "print one JSON object")
    .option("--route <name>", "batch norms to use (default: main)")
    .option(
      "--checkpoint <which>",
      "checkpoint of the run: last, best or the step of a kept one (default: best if there is one, else last)",
    )
    .addOption(onnxOption());
  addFlags(command, MACHINE_FLAGS);
  command
    .option("--threads <count>", "threads per operator; 0 uses all cores", "0")
    .option("--quiet", "hide the progress")
    .action(predict);
}

async function predict(model: string, photos: readonly string[], options: PredictOptions): Promise<void> {
  const { runPredict } = await import("../run-predict.js");
  const { top, to, json = false, quiet = false, route, checkpoint, onnx = [], threads } = options;
  await runPredict({
    model,
    photos,
    top: wholeNumber("predict", "--top", top, 1),
    to,
    json,
    quiet,
    opening: { route, checkpoint, onnx: onnxOptions(onnx), threads: wholeNumber("predict", "--threads", threads, 0) },
    machine: changesOf(MACHINE_FLAGS, options),
  });
}
