/** Adversarial examples of a run at several epochs, from the pictures in its folder. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Picture, PictureGrid } from "../../evaluation/report/document.js";
import { readGrid } from "../../figures/grid.js";
import { smallPng } from "../../figures/thumbnail.js";
import { RunDirectory } from "../../runs/run-directory.js";
import type { SnapshotFile, SnapshotPrediction } from "../../runs/schema.js";
import { spread } from "./epochs-shown.js";
import type { ReportedRun } from "./reported-run.js";

/** Numbers of images and epochs that are shown for a run. */
const IMAGES = 4;
const EPOCHS = 3;
/** Width of an image on the page, in pixels. */
const WIDTH = 88;

/** The rows of a picture: clean, perturbation, adversarial. */
const ROWS = 3;

interface Snapshot {
  /** Counted from 1. */
  readonly epoch: number;
  readonly side: number;
  readonly rows: readonly (readonly Uint8Array[])[];
  /** The predictions of the network; undefined for runs of earlier versions. */
  readonly predictions: SnapshotFile | undefined;
}

/** Some images at some epochs; undefined for a run without pictures. Pictures that cannot be read are left out. */
export async function examplePictures({ name, run }: ReportedRun): Promise<PictureGrid | undefined> {
  const snapshots = await snapshotsIn(RunDirectory.open(run.path).images);
  const last = snapshots[snapshots.length - 1];
  if (last === undefined) return undefined;
  const count = Math.min(IMAGES, ...snapshots.map(({ rows }) => rows[0].length));
  const picture = async (snapshot: Snapshot, row: number, image: number): Promise<Picture> => {
    const { predictions: file, side, rows, epoch } = snapshot;
    const predictions = row === 1 ? undefined : file?.images[image]?.[row === 0 ? "clean" : "adversarial"];
    return {
      name: `${name}-epoch-${epoch}-${["clean", "change", "adversarial"][row]}-${image + 1}`,
      png: await smallPng(rows[row][image], side),
      width: WIDTH,
      ...(predictions && { note: describe(predictions) }),
    };
  };
  const shown = Array.from({ length: count }, async (_, image) => ({
    name: last.predictions?.images[image]?.label ?? `image ${image + 1}`,
    cells: await Promise.all([
      picture(last, 0, image),
      ...snapshots.flatMap((snapshot) => [picture(snapshot, 1, image), picture(snapshot, 2, image)]),
    ]),
  }));
  return {
    kind: "pictures",
    caption:
      `${name}: the same images after several epochs, with the perturbation of the attack (grey is no change) and the adversarial image.` +
      (last.predictions
        ? ` Below each image: the prediction of the network of that epoch through each route; for clean images after epoch ${last.epoch}.`
        : ""),
    columns: [
      "clean",
      ...snapshots.flatMap(({ epoch }) => [`perturbation, epoch\u00a0${epoch}`, `adversarial, epoch\u00a0${epoch}`]),
    ],
    rows: await Promise.all(shown),
  };
}

/** A line for each route, such as "main: cat 93 %". */
const describe = (predictions: Readonly<Record<string, SnapshotPrediction>>): string =>
  Object.entries(predictions)
    .map(
      ([route, { class: name, probability }]) =>
        `${route}: ${name || "nothing"} ${(100 * probability).toFixed(0)}\u00a0%`,
    )
    .join("\n");

async function snapshotsIn(folder: string): Promise<Snapshot[]> {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^epoch-\d+\.png$/.test(name)) : [];
  const read = await Promise.all(spread(names.sort(), EPOCHS).map((name) => snapshot(join(folder, name))));
  const found = read.filter((one) => one !== undefined);
  return found.filter(({ side }) => side === found[0].side);
}

async function snapshot(picture: string): Promise<Snapshot | undefined> {
  try {
    const grid = await readGrid(readFileSync(picture), ROWS);
    const file = picture.replace(/png$/, "json");
    const predictions = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as SnapshotFile) : undefined;
    const epoch = Number(/(\d+)\.png$/.exec(picture)?.[1]);
    return grid && { epoch, side: grid.side, rows: grid.images, predictions };
  } catch {
    return undefined; // there is no picture, or it is incomplete
  }
}
