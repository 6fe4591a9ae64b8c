import type { Command } from "commander";
import type { ExportModelOptions, ExportResult } from "../../api/export/export-model.js";
import type { ExportWebResult } from "../../api/export/export-web.js";
import { didYouMean, UsageError } from "../../errors.js";
import { downloadProgress } from "../output/download-progress.js";

interface ExportCommandOptions extends Omit<ExportModelOptions, "imageSize" | "format"> {
  readonly to: string;
  readonly format?: ExportModelOptions["format"] | "web";
  readonly imageSize?: string;
  readonly json?: boolean;
}

const FORMATS = ["onnx", "safetensors", "web"];

/** `advprop export MODEL --to FILE`: a trained classifier for other programs, or with `--format web` as a page. */
export function define(command: Command): void {
  command
    .argument("<model>", "a run folder, or weights: see docs/weights.md")
    .argument("[model2]", "of a page: a second model, to be seen beside the first")
    .requiredOption("--to <path>", "a file that ends in .onnx or .safetensors; of a page a new or an empty folder")
    .option(
      "--format <name>",
      "onnx, safetensors or web, a page that classifies photos (default: what the name ends in)",
    )
    .option(
      "--checkpoint <which>",
      "of a run folder: last, best or a kept step (default: best if there is one, else last)",
    )
    .option("--input <form>", "of ONNX: uint8-nhwc, bytes, or float32-nchw, pixels in [0, 1] (default: uint8-nhwc)")
    .option("--image-size <pixels>", "of ONNX and of a page: side of the images (default: the model's)")
    .option("--softmax", "of ONNX: probabilities in the place of logits")
    .option("--keep-norms", "of ONNX: batch norms as they are (default: folded into the convolutions)")
    .option("--auxiliary", "of safetensors: with the batch norms of the auxiliary routes (default: main alone)")
    .option("--json", "print one JSON object")
    .action(runExport);
}

async function runExport(model: string, model2: string | undefined, given: ExportCommandOptions): Promise<void> {
  const { to, json, imageSize, format, ...options } = given;
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
      throw new UsageError("ERR_FLAG", `export: \`${flag}\` is of files, and the page decides it. Leave it out`);
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
        `  ${name}: ${model} (from ${from}); ONNX Runtime gives the same logits on ${images} images, ${of}: at most ` +
        `${difference.toExponential(1)} of the largest apart`,
    ),
    `Serve the folder with any static server, for example: python3 -m http.server --directory ${folder} 8000`,
  ];
}

async function describe(result: ExportResult): Promise<string[]> {
  const { file, model, from } = result;
  const size = `${(result.bytes / 1e6).toFixed(1)} MB`;
  const { describePreprocessing, describeOnnxPreprocessing } = await import("../../export/preprocessing.js");
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
