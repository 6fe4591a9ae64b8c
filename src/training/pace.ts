/** How fast a run is, and how long it will still take. */

/** Steps over which {@link Pace.imagesPerSecond} is a mean, about. */
const SHOWN_STEPS = 10;
/** Ends of epochs, and validations, over which their times are means. */
const RECENT = 3;

/** What a run has still to do. */
export interface Remaining {
  readonly steps: number;
  /** Ends of epochs: pictures, drift of the norms, checkpoints. */
  readonly epochEnds: number;
  readonly validations: number;
}

/**
 * Learns how long each part of a run takes. Steps are averaged over an epoch, so that a checkpoint among them, or a cold start of the
 * readers, counts as often as it comes; validations and ends of epochs are added for those that are still to come.
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
    // The first step of a process is slow: memory is allocated, and kernels are prepared.
    if (this.#steps++ === 1) this.#step.restart();
    this.#step.add(seconds);
    this.#secondsPerImage.add(seconds / images);
  }

  /** Everything between the last step of an epoch and the next epoch but the validation. */
  epochEnd(seconds: number): void {
    this.#epochEnd.add(seconds);
  }

  /** With the checkpoint of a new best. */
  validation(seconds: number): void {
    this.#validation.add(seconds);
  }

  /** Training images per second over the last steps. */
  get imagesPerSecond(): number {
    return this.#secondsPerImage.count === 0 ? 0 : 1 / this.#secondsPerImage.value;
  }

  /** What has not been seen yet counts nothing: before the first validation it is too short. */
  secondsLeft({ steps, epochEnds, validations }: Remaining): number {
    return steps * this.#step.value + epochEnds * this.#epochEnd.value + validations * this.#validation.value;
  }
}

/** The plain mean of the first values, of many a mean in which older ones fade. 0 before the first. */
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

/** A part of some seconds, in [0, 1]. */
export const share = (part: number, whole: number): number => (whole > 0 ? Math.min(1, part / whole) : 0);
