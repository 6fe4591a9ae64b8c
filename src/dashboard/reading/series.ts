/** A metric of any length in bounded memory. */
import type { SeriesData } from "../wire.js";

/** Largest number of buckets of a metric, more than a chart has pixels. A full series joins them in pairs, so at least half remain. */
export const MOST_BUCKETS = 1024;

/**
 * A series that is downsampled while it is filled. A bucket stands for several consecutive records. It keeps their last step and their
 * mean, smallest and largest value, so that no peak is lost. When all buckets are full, each pair of buckets is joined.
 */
export class Series {
  #capacity = 32;
  #step = new Float64Array(this.#capacity);
  #sum = new Float64Array(this.#capacity);
  #least = new Float64Array(this.#capacity);
  #largest = new Float64Array(this.#capacity);
  /** The number of buckets in use, of records in a full bucket, and of records in the last bucket. */
  #length = 0;
  #perBucket = 1;
  #inLast = 0;

  add(step: number, value: number): void {
    if (this.#length === 0 || this.#inLast === this.#perBucket) this.#open();
    const last = this.#length - 1;
    this.#step[last] = step;
    this.#sum[last] += value;
    this.#least[last] = Math.min(this.#least[last], value);
    this.#largest[last] = Math.max(this.#largest[last], value);
    this.#inLast++;
  }

  data(): SeriesData {
    const rounded = (values: Float64Array) => Array.from(values.subarray(0, this.#length), sixDigits);
    const mean = Array.from({ length: this.#length }, (_, i) => {
      return sixDigits(this.#sum[i] / (i === this.#length - 1 ? this.#inLast : this.#perBucket));
    });
    const step = Array.from(this.#step.subarray(0, this.#length));
    if (this.#perBucket === 1) return { step, mean };
    return { step, mean, least: rounded(this.#least), largest: rounded(this.#largest) };
  }

  #open(): void {
    if (this.#length === MOST_BUCKETS) this.#join();
    if (this.#length === this.#capacity) this.#grow();
    this.#sum[this.#length] = 0;
    this.#least[this.#length] = Number.POSITIVE_INFINITY;
    this.#largest[this.#length] = Number.NEGATIVE_INFINITY;
    this.#length++;
    this.#inLast = 0;
  }

  #join(): void {
    this.#length /= 2;
    this.#perBucket *= 2;
    for (let i = 0; i < this.#length; i++) {
      const [a, b] = [2 * i, 2 * i + 1];
      this.#step[i] = this.#step[b];
      this.#sum[i] = this.#sum[a] + this.#sum[b];
      this.#least[i] = Math.min(this.#least[a], this.#least[b]);
      this.#largest[i] = Math.max(this.#largest[a], this.#largest[b]);
    }
  }

  #grow(): void {
    this.#capacity *= 2;
    const larger = (old: Float64Array) => {
      const values = new Float64Array(this.#capacity);
      values.set(old);
      return values;
    };
    this.#step = larger(this.#step);
    this.#sum = larger(this.#sum);
    this.#least = larger(this.#least);
    this.#largest = larger(this.#largest);
  }
}

/** Rounds to six digits, which is more than a chart shows and makes the text shorter. */
const sixDigits = (value: number): number => Number(value.toPrecision(6));
