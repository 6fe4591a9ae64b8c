/** Saves an evaluation in its run's folder: the result, a picture of the confusion matrix, and pictures of the worst mistakes. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { RunError } from "../../errors.js";
import type { ConfusionCount } from "../../evaluation/confusion.js";
import type { SeenMistake } from "../../evaluation/mistakes.js";
import { summaryOf } from "../../evaluation/suite/summary.js";
import { confusionPng } from "../../figures/confusion-chart.js";
import { thumbnail } from "../../figures/thumbnail.js";
import { checkWritable, makeFolder, writeFileAtomic } from "../../runs/atomic-file.js";
import { RunDirectory, writeJson } from "../../runs/run-directory.js";
import { type EvaluationFile, type Mistake, RUN_SCHEMA, type SuiteFile } from "../../runs/schema.js";
import type { SuiteResult } from "./suite-result.js";

/** The mistakes as they are listed in a result. */
export const listedMistakes = (
  mistakes: readonly SeenMistake[],
  fileOf: ((sample: number) => string) | undefined,
): Mistake[] =>
  mistakes.map(({ sample, pixels: _, side: __, ...mistake }) => ({
    ...mistake,
    ...(fileOf && { file: fileOf(sample) }),
  }));

/**
 * Checks before an evaluation that its result can be saved in the run's folder, so that hours of work are not lost.
 *
 * @throws RunError ERR_WRITE it cannot
 */
export function checkSavable(run: string): void {
  const { evaluation } = RunDirectory.open(run);
  try {
    makeFolder(evaluation);
    checkWritable(evaluation);
  } catch (cause) {
    const remedy = "The result of a run is saved in its folder: make that possible, or evaluate a copy of the run";
    throw new RunError("ERR_WRITE", `evaluate: nothing was measured: ${(cause as Error).message} ${remedy}`, { cause });
  }
}

/**
 * Writes the result of an evaluation of a run. The pictures are written first, so that a result that exists is complete.
 * If one cannot be written, none is left.
 *
 * @param mistakes the mistakes of the result, in its order
 * @returns the result as it was written, and the files of the result and of the confusion matrix
 * @throws RunError ERR_WRITE
 */
export async function saveEvaluation(
  run: string,
  result: EvaluationFile,
  { counts, mistakes }: { readonly counts: readonly ConfusionCount[]; readonly mistakes: readonly SeenMistake[] },
): Promise<{ readonly result: EvaluationFile; readonly files: readonly [result: string, chart: string] }> {
  const attack = result.attack === undefined ? [] : [String(result.attack.name)];
  const name = `${[result.data.split, result.route, ...attack].join("-")}-${instant(result.createdAt)}`;
  const { evaluation } = RunDirectory.open(run);
  const pictures = join(evaluation, name);
  const chart = `${pictures}.png`;
  const file = `${pictures}.json`;
  const classes = result.perClass.map((one) => one.name);
  makeFolder(mistakes.length > 0 ? pictures : evaluation);
  try {
    const thumbnails = await Promise.all(
      mistakes.map(async ({ pixels, side }, i) => {
        const { ending, data } = await thumbnail(pixels, side);
        const thumbnailFile = join(name, `mistake-${String(i + 1).padStart(2, "0")}.${ending}`);
        writeFileAtomic(join(evaluation, thumbnailFile), data, { flush: false });
        return thumbnailFile;
      }),
    );
    const shown = result.mistakes?.map((mistake, i) => ({ ...mistake, thumbnail: thumbnails[i] }));
    const saved = { ...result, ...(shown && { mistakes: shown }) };
    writeFileAtomic(chart, await confusionPng(classes, counts));
    writeJson(file, saved);
    return { result: saved, files: [file, chart] };
  } catch (error) {
    rmSync(pictures, { recursive: true, force: true });
    rmSync(chart, { force: true });
    throw error;
  }
}

/** For each model of a suite that is a run, writes its results into the run's folder. @throws RunError ERR_WRITE */
export function saveSuites(
  { createdAt, command, protocol, files, seeds: _, remarks: __, ...summary }: SuiteResult,
  models: readonly { readonly run: string | undefined }[],
): void {
  models.forEach(({ run }, index) => {
    if (run === undefined) return;
    const { suites } = RunDirectory.open(run);
    makeFolder(suites);
    const weights = files[summary.models[index].name];
    const own = summaryOf(summary, index);
    const file: SuiteFile = { schema: RUN_SCHEMA, createdAt, command, weights, protocol, summary: own };
    writeJson(join(suites, `${own.data.name.replace(/[^\w.-]+/g, "-")}-${instant(createdAt)}.json`), file);
  });
}

/** A time as part of a file name. */
const instant = (createdAt: string): string => createdAt.replace(/[:.]/g, "-");
