/** Measures the speed of a run, and estimates the remaining time. */

/** {@link Pace.imagesPerSecond} is a mean over about this many steps. */
const SHOWN_STEPS = 10;
/** The times of epoch ends and of validations are means over about this many of them. */
const RECENT = 3;

/** The remaining work of a run. */
export interface Remaining {
  readonly steps: number;
  /** Number of epoch ends, each with pictures, drift of the norms and checkpoints. */
  readonly epochEnds: number;
  readonly validations: number;
}

/**
 * Measures how long each part of a run takes. Steps are averaged over an epoch, so that rare delays, such as a checkpoint, are weighted
 * by how often they occur. Validations and epoch ends are measured separately, and added for those that remain.
 */
export class Pace {
  readonly #step: RunningMean;
  readonly #secondsPerImage = new RunningMean(SHOWN_STEPS);
  readonly #epochEnd = new RunningMean(RECENT);
  readonly #validation = new RunningMean(RECENT);
  #steps = 0;

  constructor(stepsPerEpoch: number) {
    this.#step = new RunningMean(Math.max(50, stepsPerEpoch));
  }

  step(seconds: number, images: number): void {
    // The first step of a process is slow, because memory is allocated and kernels are prepared.
    if (this.#steps++ === 1) this.#step.restart();
    this.#step.add(seconds);
    this.#secondsPerImage.add(seconds / images);
  }

  /** Everything between the last step of an epoch and the next epoch, except the validation. */
  epochEnd(seconds: number): void {
    this.#epochEnd.add(seconds);
  }

  /** Includes the checkpoint of a new best accuracy. */
  validation(seconds: number): void {
    this.#validation.add(seconds);
  }

  /** Training images per second over the last steps. */
  get imagesPerSecond(): number {
    return this.#secondsPerImage.count === 0 ? 0 : 1 / this.#secondsPerImage.value;
  }

  /** Parts that have not been measured yet count as 0, so the estimate is too short before the first validation. */
  secondsLeft({ steps, epochEnds, validations }: Remaining): number {
    return steps * this.#step.value + epochEnds * this.#epochEnd.value + validations * this.#validation.value;
  }
}

/** The plain mean of the first values, later an exponential moving average; 0 before the first value. */
class RunningMean {
  readonly #horizon: number;
  #count = 0;
  #value = 0;

  constructor(horizon: number) {
    this.#horizon = horizon;
  }

  add(value: number): void {
    this.#count++;
    this.#value += (value - this.#value) / Math.min(this.#count, this.#horizon);
  }

  restart(): void {
    this.#count = 0;
  }

  get count(): number {
    return this.#count;
  }

  get value(): number {
    return this.#value;
  }
}

/** The ratio of two times, limited to [0, 1]. */
export const share = (part: number, whole: number): number => (whole > 0 ? Math.min(1, part / whole) : 0);
