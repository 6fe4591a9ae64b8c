/** Classifies photos from the command line. Nothing here may load libtorch, because an ONNX file does not need it. */
import { text } from "node:stream/consumers";
import { openClassifier, type PhotoResult, type Prediction } from "../api/photo-classifier.js";
import { listPhotos } from "../data/folders/photo-list.js";
import { listBadPhotos } from "../data/photos/bad-photos.js";
import { listed, numbered, printable, RunError } from "../errors.js";
import { imagenetWords } from "../evaluation/classes/imagenet.js";
import { csv } from "../evaluation/report/csv.js";
import type { OpenPredictorOptions } from "../predictors/opened.js";
import { changeRecipe, type RecipeChange, resolveRecipe } from "../recipes/resolve.js";
import { writeFileAtomic } from "../runs/atomic-file.js";
import { checkOutputFile } from "../runs/given-path.js";
import { CountLine } from "./output/count-line.js";
import { downloadProgress } from "./output/download-progress.js";

export interface RunPredictOptions {
  readonly model: string;
  /** As {@link listPhotos} takes them. */
  readonly photos: readonly string[];
  readonly top: number;
  /** A CSV file. */
  readonly to: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly opening: OpenPredictorOptions;
  /** Device, precision, memory and threads. */
  readonly machine: readonly RecipeChange[];
}

/** @throws RunError ERR_BAD_IMAGES some photos could not be read; all others were classified, printed and written */
export async function runPredict(options: RunPredictOptions): Promise<void> {
  const { model, top, to, json, quiet, opening } = options;
  const given = changeRecipe({}, options.machine);
  const { precision, device, memoryLimit, data } = resolveRecipe(given);
  const { photos, others } = await listPhotos(options.photos, () => text(process.stdin));
  // Checked before the photos are classified, so that no work is lost.
  if (to !== undefined) checkOutputFile("predict", to, ".csv", [model, ...photos]);
  if (others.length > 0 && !quiet) {
    process.stderr.write(
      `Ignored ${numbered(others.length, "file")} without the name of a photo: ${listed(others, 5)}\n`,
    );
  }
  const download = downloadProgress(quiet);
  // Only what is given, because an ONNX file takes none of it.
  const computing: OpenPredictorOptions = {
    precision: given.precision && precision,
    device: given.device && device,
    memoryLimit: memoryLimit ?? undefined,
  };
  const classifier = await openClassifier(model, { ...opening, ...computing, onProgress: download.show });
  download.end(classifier.notes);
  const results: PhotoResult[] = [];
  try {
    const progress = new CountLine("photos", quiet);
    for await (const result of classifier.classifyAll(photos, { top, workers: data.workers ?? undefined })) {
      results.push(result);
      if (!json && to === undefined) {
        progress.end();
        process.stdout.write(lines(result));
      }
      progress.show(results.length, photos.length);
    }
    progress.end();
  } finally {
    await classifier.close();
  }
  if (to !== undefined) writeFileAtomic(to, table(results, Math.min(top, classifier.classes.length)));
  if (json) console.log(JSON.stringify({ model, photos: results }));
  const bad = results.flatMap((one) => ("error" in one ? [{ file: String(one.photo), reason: one.error }] : []));
  const read = results.length - bad.length;
  if (to !== undefined && !quiet) process.stderr.write(`${to}: ${numbered(read, "photo")}\n`);
  if (bad.length > 0) {
    const counted = `${bad.length} of ${numbered(results.length, "photo")}`;
    const rest = read > 0 ? "; the others were classified" : "";
    throw new RunError(
      "ERR_BAD_IMAGES",
      `predict: ${counted} could not be read${rest}:\n${listBadPhotos(bad).join("\n")}`,
    );
  }
}

/** The photo's name, and below it a line such as "  93.1 %  shirt" for each class. */
function lines(result: PhotoResult): string {
  const name = printable(String(result.photo));
  if ("error" in result) return `${name}\n  cannot be read: ${result.error}\n`;
  return `${name}\n${result.predictions.map((one) => `  ${line(one)}\n`).join("")}`;
}

function line({ class: name, probability }: Prediction): string {
  const words = imagenetWords(name);
  const shown = words === undefined ? printable(name) : `${words} (${name})`;
  return `${(100 * probability).toFixed(1).padStart(5)} %  ${shown}`;
}

function table(results: readonly PhotoResult[], top: number): string {
  const columns = Array.from({ length: top }, (_, i) => [`class ${i + 1}`, `probability ${i + 1}`]).flat();
  const rows = results.map((one) => {
    if ("error" in one) return [String(one.photo), ...columns.map(() => ""), one.error];
    return [String(one.photo), ...one.predictions.flatMap((p) => [p.class, String(p.probability)]), ""];
  });
  return csv([["photo", ...columns, "error"], ...rows]);
}
