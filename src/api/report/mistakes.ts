/** The worst mistakes of a run's latest evaluation on clean images. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import type { Picture, PictureGrid } from "../../evaluation/report/document.js";
import { smallPng } from "../../figures/thumbnail.js";
import { RunDirectory } from "../../runs/run-directory.js";
import type { EvaluationFile, Mistake } from "../../runs/schema.js";
import type { ReportedRun } from "./reported-run.js";

const SHOWN = 8;
/** Width of an image on the page, in pixels. */
const WIDTH = 96;

/** A row of pictures; undefined if there are none. */
export async function worstMistakes({ name, run }: ReportedRun): Promise<PictureGrid | undefined> {
  const file = run.evaluations().findLast(({ attack, mistakes = [] }) => attack === undefined && mistakes.length > 0);
  if (file === undefined) return undefined;
  const { evaluation } = RunDirectory.open(run.path);
  const read = await Promise.all(
    file.mistakes!.slice(0, SHOWN).map((mistake, i) => pictureOf(mistake, i, file, evaluation)),
  );
  const cells = read.filter((picture) => picture !== undefined);
  if (cells.length === 0) return undefined;
  return {
    kind: "pictures",
    caption: `${name}: the wrong predictions with the largest loss on ${file.count} images of ${file.data.name}, with the true and the predicted class.`,
    columns: cells.map(() => ""),
    rows: [{ name, cells }],
  };
}

/** The picture of a mistake; undefined if it is missing or cannot be read. */
async function pictureOf(
  { thumbnail, label, predicted, probability }: Mistake,
  i: number,
  { perClass, createdAt }: EvaluationFile,
  folder: string,
): Promise<Picture | undefined> {
  if (thumbnail === undefined) return undefined;
  try {
    const { data, info } = await sharp(readFileSync(join(folder, thumbnail)))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return {
      name: `mistake-${createdAt.replace(/\D/g, "")}-${i + 1}`,
      png: await smallPng(data, info.width),
      width: WIDTH,
      note: `${perClass[label].name}\n${perClass[predicted].name} ${(100 * probability).toFixed(0)}\u00a0%`,
    };
  } catch {
    return undefined;
  }
}
