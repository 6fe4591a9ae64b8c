/** The worst mistakes of an evaluation. */
import sharp from "sharp";
import { expect, test } from "vitest";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { WorstMistakes } from "../../src/evaluation/mistakes.js";
import { predict } from "../../src/evaluation/predictions.js";
import { thumbnail } from "../../src/figures/thumbnail.js";
import { makeDataset } from "../support/datasets.js";

test("are the wrong predictions with the largest loss and their pixels, for any batches", async () => {
  const dataset = makeDataset({ length: 200, classes: 3, height: 4, width: 4 });
  /** Logits that depend on an image's identity. Some are right, and some are NaN. */
  const rowOf = (sample: number, label: number): number[] => {
    const row = [0, 0, 0];
    if (sample % 17 === 0) return row.fill(Number.NaN);
    row[sample % 5 === 0 ? label : (label + 1) % 3] = 1 + ((sample * 37) % 101) / 10;
    return row;
  };
  const labelOf = new Map(Array.from(dataset.samples, (sample, i) => [sample, dataset.labels[i]]));
  const found = async (batchSize: number) => {
    const worst = new WorstMistakes();
    const predictor = {
      classes: dataset.classes,
      imageSize: 4,
      logits: ({ samples }: { samples: Uint32Array }) =>
        Float32Array.from(Array.from(samples).flatMap((sample) => rowOf(sample, labelOf.get(sample)!))),
    };
    await predict(predictor as never, evaluationBatches(dataset, batchSize), (_, batch, own) => worst.add(batch, own));
    return worst.mistakes;
  };
  const mistakes = await found(7);
  expect(await found(200)).toEqual(mistakes);
  expect(mistakes).toHaveLength(50);
  const losses = mistakes.map(({ loss }) => loss);
  expect(losses).toEqual([...losses].sort((a, b) => b - a));
  const wrong = Array.from(dataset.samples).filter((sample) => sample % 17 !== 0 && sample % 5 !== 0);
  const scale = (sample: number) => 1 + ((sample * 37) % 101) / 10;
  const expected = wrong.map(scale).sort((a, b) => b - a);
  mistakes.forEach(({ index, sample, label, predicted, probability, loss, pixels }, i) => {
    const top = Math.fround(expected[i]);
    expect(sample).toBe(dataset.samples[index]);
    expect(label).toBe(dataset.labels[index]);
    expect(predicted).toBe((label + 1) % 3);
    expect(loss).toBeCloseTo(Math.log(2 + Math.exp(top)), 9);
    expect(probability).toBeCloseTo(Math.exp(top) / (2 + Math.exp(top)), 9);
    expect(pixels).toEqual(dataset.pixels(index));
  });
});

test("a thumbnail has at most 96 pixels per side, and a small image keeps its pixels", async () => {
  const pixels = Uint8Array.from({ length: 200 * 200 * 3 }, (_, i) => i % 251);
  const large = await thumbnail(pixels, 200);
  expect(large.ending).toBe("jpg");
  expect(await sharp(large.data).metadata()).toMatchObject({ format: "jpeg", width: 96, height: 96 });
  const small = await thumbnail(pixels.subarray(0, 32 * 32 * 3), 32);
  expect(small.ending).toBe("png");
  const raw = await sharp(small.data).raw().toBuffer();
  expect(new Uint8Array(raw)).toEqual(pixels.slice(0, 32 * 32 * 3));
});
