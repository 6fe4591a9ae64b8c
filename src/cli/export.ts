import type { Command } from "commander";
import type { ExportModelOptions, ExportResult } from "../api/export-model.js";
import { downloadProgress } from "./download-progress.js";

interface ExportCommandOptions extends Omit<ExportModelOptions, "imageSize"> {
  readonly to: string;
  readonly imageSize?: string;
  readonly json?: boolean;
}

/** `advprop export MODEL --to FILE`: a trained classifier for other programs. */
export function define(command: Command): void {
  command
    .argument("<model>", "a run folder, or weights: see docs/weights.md")
    .requiredOption("--to <file>", "where to write, a name that ends in .onnx or .safetensors")
    .option("--format <name>", "onnx or safetensors (default: what the name ends in)")
    .option(
      "--checkpoint <which>",
      "of a run folder: last, best or a kept step (default: best if there is one, else last)",
    )
    .option("--input <form>", "of ONNX: uint8-nhwc, bytes, or float32-nchw, pixels in [0, 1] (default: uint8-nhwc)")
    .option("--image-size <pixels>", "of ONNX: side of its images (default: the model's)")
    .option("--softmax", "of ONNX: probabilities in the place of logits")
    .option("--keep-norms", "of ONNX: batch norms as they are (default: folded into the convolutions)")
    .option("--auxiliary", "of safetensors: with the batch norms of the auxiliary routes (default: main alone)")
    .option("--json", "print one JSON object")
    .action(runExport);
}

async function runExport(model: string, { to, json, imageSize, ...options }: ExportCommandOptions): Promise<void> {
  const { exportModel } = await import("../api/export-model.js");
  const progress = downloadProgress(false);
  const result = await exportModel(model, to, {
    ...options,
    ...(imageSize !== undefined && { imageSize: Number(imageSize) }),
    onProgress: progress.show,
  });
  progress.end(result.notes);
  console.log(json ? JSON.stringify(result) : (await describe(result)).join("\n"));
}

async function describe(result: ExportResult): Promise<string[]> {
  const { file, model, from } = result;
  const size = `${(result.bytes / 1e6).toFixed(1)} MB`;
  const { describePreprocessing, describeOnnxPreprocessing } = await import("../export/preprocessing.js");
  const title = "What a program that uses it has to do, which is in the file's metadata too:";
  if (result.format === "safetensors") {
    const lines = describePreprocessing(result.preprocessing).map((line) => `  ${line}`);
    const what = `${result.tensors} tensors, ${size}, ${result.routes.join(" and ")}`;
    return [`${file}: ${model}, ${what} (from ${from})`, title, ...lines];
  }
  const { images, of, difference } = result.verification;
  return [
    `${file}: ${model}, ${size} (from ${from})`,
    `ONNX Runtime gives the same logits on ${images} images, ${of}: at most ${difference.toExponential(1)} of the largest apart`,
    title,
    ...describeOnnxPreprocessing(result.preprocessing).map((line) => `  ${line}`),
  ];
}
