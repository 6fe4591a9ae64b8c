/** The worst mistakes of an evaluation, for people who want to know what a classifier gets wrong. */
import type { PixelBatch } from "../data/loading/batch.js";
import type { Mistake } from "../runs/schema.js";
import type { Predictions } from "./predictions.js";

/** Number of mistakes that are kept. */
const MOST = 50;

/** A mistake with the image as the classifier got it. */
export interface SeenMistake extends Omit<Mistake, "file" | "thumbnail"> {
  /** Identity of the image in its set. */
  readonly sample: number;
  /** (side, side, 3) uint8, RGB */
  readonly pixels: Uint8Array;
  readonly side: number;
}

/**
 * Collects the wrong predictions with the largest loss during an evaluation, so that no image is read twice. Images whose
 * logits are NaN are left out.
 */
export class WorstMistakes {
  #kept: SeenMistake[] = [];
  #seen = 0;

  /** @param predictions of this batch alone */
  add({ pixels, samples, height }: PixelBatch, { labels, predicted, losses, confidences }: Predictions): void {
    const size = pixels.length / labels.length;
    const least = this.#kept.length < MOST ? Number.NEGATIVE_INFINITY : this.#kept[MOST - 1].loss;
    labels.forEach((label, i) => {
      const loss = losses[i];
      if (predicted[i] === label || predicted[i] < 0 || !Number.isFinite(loss) || loss <= least) return;
      this.#kept.push({
        index: this.#seen + i,
        sample: samples[i],
        label,
        predicted: predicted[i],
        probability: confidences[i],
        loss,
        pixels: pixels.slice(i * size, (i + 1) * size),
        side: height,
      });
    });
    this.#seen += labels.length;
    this.#kept = this.#kept.sort((a, b) => b.loss - a.loss).slice(0, MOST);
  }

  /** Sorted by loss, the largest first. */
  get mistakes(): readonly SeenMistake[] {
    return this.#kept;
  }
}
