/** Sample images of a suite's report: clean, corrupted, stylised and attacked. */
import sharp from "sharp";
import type { PixelBatch } from "../../data/loading/batch.js";
import type { Picture, PictureGrid } from "../report/document.js";
import { CLEAN, corruptionId, STYLISED } from "./condition.js";
import { imagesAt } from "./images.js";
import { corruptionConditionsOf } from "./measures.js";
import type { MeasuredModel } from "./summary.js";

const SAMPLES = 4;
/** The corruptions to show, where they were measured. */
const SHOWN = ["gaussian_noise", "glass_blur", "fog", "pixelate"].map((name) => corruptionId(name, 3));

/** A column: the images after a change, and the condition with their predictions. */
interface Column {
  readonly name: string;
  readonly condition: string;
  readonly pixels: readonly Uint8Array[];
}

/** Attacks the images for a column; undefined where no model can be attacked. */
export type AttackSamples = (batch: PixelBatch) => {
  readonly name: string;
  readonly condition: string;
  readonly pixels: Uint8Array[];
};

/** Four of the attacked images from different classes, with the predictions of the first model. */
export async function samplePictures(
  { model, benchmark, measurements }: MeasuredModel,
  attack: AttackSamples | undefined,
): Promise<PictureGrid> {
  const { images, conditions } = benchmark;
  const attacked = conditions.find(({ attack: one }) => one !== undefined)?.indices;
  const indices = firstOfClasses(images.labels, attacked ?? Uint32Array.from(images.labels.keys()));
  const first = await gathered(images.batches(indices));
  const { height, width } = first;
  const columns: Column[] = [];
  if (measurements.has(CLEAN)) columns.push({ name: "clean", condition: CLEAN, pixels: split(first) });
  const corrupted = corruptionConditionsOf(conditions);
  const usual = corrupted.filter(({ id }) => SHOWN.includes(id));
  for (const { id, corruption } of usual.length > 0 ? usual : corrupted.slice(0, SHOWN.length)) {
    const pixels = split(await gathered(corruption.at(indices)));
    columns.push({ name: `${corruption.name} ${corruption.severity}`, condition: id, pixels });
  }
  const stylised = conditions.find(({ id }) => id === STYLISED);
  if (stylised !== undefined) {
    const all = split(await gathered(imagesAt(stylised.batches(), indices, indices.length)));
    columns.push({ name: "stylised", condition: STYLISED, pixels: all });
  }
  if (attack !== undefined) columns.push(attack(first));

  const predictedFor = (id: string, position: number): string | undefined => {
    const condition = conditions.find((one) => one.id === id);
    const index = condition?.indices === undefined ? position : condition.indices.indexOf(position);
    const label = measurements.get(id)?.predicted[index];
    return label === undefined ? undefined : (images.classes[label] ?? "nothing");
  };
  const rows = Array.from(indices, async (position, i) => ({
    name: images.classes[images.labels[position]],
    cells: await Promise.all(
      columns.map(async ({ name, condition, pixels }): Promise<Picture> => {
        const png = await sharp(pixels[i], { raw: { width, height, channels: 3 } })
          .png()
          .toBuffer();
        const file = `sample-${i + 1}-${name.replace(/[^\w]+/g, "-")}`;
        return { name: file, png, width: Math.max(80, Math.min(112, width)), note: predictedFor(condition, position) };
      }),
    ),
  }));
  return {
    kind: "pictures",
    caption: `Images by true class; below each is the prediction of ${model.name}.`,
    columns: columns.map(({ name }) => name),
    rows: await Promise.all(rows),
  };
}

/** Indices of the first images of the first classes. */
function firstOfClasses(labels: Int32Array, indices: Uint32Array): Uint32Array {
  const seen = new Map<number, number>();
  for (const position of indices) if (!seen.has(labels[position])) seen.set(labels[position], position);
  return Uint32Array.from([...seen.values()].slice(0, SAMPLES));
}

async function gathered(batches: AsyncIterable<PixelBatch>): Promise<PixelBatch> {
  const parts: PixelBatch[] = [];
  for await (const batch of batches) parts.push({ ...batch, pixels: batch.pixels.slice() });
  const [{ height, width }] = parts;
  return {
    pixels: new Uint8Array(Buffer.concat(parts.map(({ pixels }) => pixels))),
    labels: Int32Array.from(parts.flatMap(({ labels }) => [...labels])),
    samples: Uint32Array.from(parts.flatMap(({ samples }) => [...samples])),
    height,
    width,
  };
}

function split({ pixels, labels }: PixelBatch): Uint8Array[] {
  const size = pixels.length / labels.length;
  return Array.from(labels, (_, i) => pixels.subarray(i * size, (i + 1) * size));
}
