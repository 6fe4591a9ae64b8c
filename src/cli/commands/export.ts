import type { Command } from "commander";
import type { ExportModelOptions, ExportResult } from "../../api/export/export-model.js";
import type { ExportWebResult } from "../../api/export/export-web.js";
import { didYouMean, shellWord, UsageError } from "../../errors.js";
import { downloadProgress } from "../output/download-progress.js";

interface ExportCommandOptions extends Omit<ExportModelOptions, "imageSize" | "format"> {
  readonly to: string;
  readonly format?: ExportModelOptions["format"] | "web";
  readonly imageSize?: string;
  readonly json?: boolean;
  /** Loaded before the command runs. */
  readonly parts?: readonly string[];
}

const FORMATS = ["onnx", "safetensors", "web"];

/** `advprop export MODEL --to FILE`writes a trained classifier for other programs, or with `--format web` as a web page. */
export function define(command: Command): void {
  command
    .argument("<model>", "a run folder, or weights: see docs/weights.md")
    .argument("[model2]", "for a web page: a second model, shown beside the first")
    .requiredOption("--to <path>", "a file that ends in .onnx or .safetensors; for a web page a new or empty folder")
    .option(
      "--format <name>",
      "onnx, safetensors or web: a page that classifies photos (default: by the ending of the name)",
    )
    .option(
      "--checkpoint <which>",
      "checkpoint of the run: last, best or the step of a kept one (default: best if there is one, else last)",
    )
    .option("--input <form>", "for ONNX: uint8-nhwc (bytes) or float32-nchw (pixels in [0, 1]) (default: uint8-nhwc)")
    .option("--image-size <pixels>", "for ONNX and a web page: side of the images (default: the model's)")
    .option("--softmax", "for ONNX: output probabilities instead of logits")
    .option("--keep-norms", "for ONNX: keep the batch norms (default: fold them into the convolutions)")
    .option("--auxiliary", "for safetensors: include the batch norms of the auxiliary routes (default: only main)")
    .option("--json", "print one JSON object")
    .action(runExport);
}

async function runExport(model: string, model2: string | undefined, given: ExportCommandOptions): Promise<void> {
  const { to, json, imageSize, format, parts: _loaded, ...options } = given;
  if (format !== undefined && !FORMATS.includes(format)) {
    const hint = didYouMean(format, FORMATS);
    throw new UsageError("ERR_EXPORT", `export: \`format\` must be onnx, safetensors or web; got ${format}.${hint}`);
  }
  const progress = downloadProgress(false);
  const common = { ...(imageSize !== undefined && { imageSize: Number(imageSize) }), onProgress: progress.show };
  if (format === "web") {
    const { checkpoint, ...others } = options;
    const [flag] = Object.keys(others);
    if (flag !== undefined) {
      throw new UsageError(
        "ERR_FLAG",
        `export: \`${flag}\` is only for files; a web page has a fixed value. Leave it out`,
      );
    }
    const { exportWeb } = await import("../../api/export/export-web.js");
    const models = [model, ...(model2 === undefined ? [] : [model2])];
    const result = await exportWeb(models, to, { ...common, ...(checkpoint !== undefined && { checkpoint }) });
    progress.end(result.models.flatMap(({ notes }) => notes));
    console.log(json ? JSON.stringify(result) : describePage(result).join("\n"));
    return;
  }
  if (model2 !== undefined) {
    throw new UsageError(
      "ERR_FLAG",
      `export: a file holds one model; got ${model2} too. Leave it out, or give \`format: web\``,
    );
  }
  const { exportModel } = await import("../../api/export/export-model.js");
  const result = await exportModel(model, to, { ...options, ...common, ...(format !== undefined && { format }) });
  progress.end(result.notes);
  console.log(json ? JSON.stringify(result) : (await describe(result)).join("\n"));
}

function describePage({ folder, bytes, models }: ExportWebResult): string[] {
  return [
    `${folder}: a page that classifies photos in the browser, ${(bytes / 1e6).toFixed(1)} MB`,
    ...models.map(
      ({ name, model, from, verification: { images, of, difference } }) =>
        `  ${name}: ${model} (from ${from}); on ${images} images, ${of}, the logits of ONNX Runtime ` +
        `differ by at most ${difference.toExponential(1)} of the largest logit`,
    ),
    `Serve the folder with any static server, for example: python3 -m http.server --directory ${shellWord(folder)} 8000`,
  ];
}

async function describe(result: ExportResult): Promise<string[]> {
  const { file, model, from } = result;
  const size = `${(result.bytes / 1e6).toFixed(1)} MB`;
  const { describePreprocessing, describeOnnxPreprocessing } = await import("../../export/preprocessing.js");
  const title = "A program that uses the file must do this (the file's metadata says it too):";
  if (result.format === "safetensors") {
    const lines = describePreprocessing(result.preprocessing).map((line) => `  ${line}`);
    const what = `${result.tensors} tensors, ${size}, ${result.routes.join(" and ")}`;
    return [`${file}: ${model}, ${what} (from ${from})`, title, ...lines];
  }
  const { images, of, difference } = result.verification;
  return [
    `${file}: ${model}, ${size} (from ${from})`,
    `On ${images} images, ${of}, the logits of ONNX Runtime differ by at most ${difference.toExponential(1)} of the largest logit`,
    title,
    ...describeOnnxPreprocessing(result.preprocessing).map((line) => `  ${line}`),
  ];
}
