/** Progress on standard error: one line that is rewritten on a terminal, a line now and then elsewhere. */
import type { ProgressEvent } from "../training/fit.js";

const TERMINAL_INTERVAL_MS = 200;
const LOG_INTERVAL_MS = 15_000;

/** Shows how a run goes: losses, speed, time left. */
export class ProgressLine {
  readonly #terminal = process.stderr.isTTY === true;
  #shown = Number.NEGATIVE_INFINITY;

  show(event: ProgressEvent): void {
    const now = performance.now();
    const validated = event.validationAccuracy !== undefined;
    const last = event.step === event.totalSteps;
    if (!validated && !last && now - this.#shown < (this.#terminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)) return;
    this.#shown = now;
    const line = describe(event);
    if (!this.#terminal) process.stderr.write(`${line}\n`);
    else process.stderr.write(`\r\x1b[2K${line}${validated ? "\n" : ""}`);
  }

  /** Ends the line on a terminal, so that what follows starts a new one. */
  end(): void {
    if (this.#terminal) process.stderr.write("\n");
  }
}

function describe(event: ProgressEvent): string {
  const { step, totalSteps, epoch, epochs, losses, imagesPerSecond, secondsLeft, validationAccuracy } = event;
  const named = Object.entries(losses).map(([name, loss]) => `${name.replace(/Loss$/, "")} loss ${loss.toFixed(3)}`);
  const validation =
    validationAccuracy === undefined ? [] : [`validation accuracy ${(100 * validationAccuracy).toFixed(2)} %`];
  return [
    `epoch ${epoch + 1}/${epochs}`,
    `step ${step}/${totalSteps}`,
    ...named,
    `${imagesPerSecond.toFixed(0)} images/s`,
    `${duration(secondsLeft)} left`,
    ...validation,
  ].join("  ");
}

/** "1 h 05 min", "3 min 20 s", "12 s" */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return whole >= 60 ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s` : `${whole} s`;
}

/** "clean 2000/10000" on standard error, rewritten on a terminal and silent elsewhere. */
export class BatchProgress {
  readonly #shown: boolean;

  constructor(
    readonly what: string,
    readonly total: number,
    quiet: boolean,
  ) {
    this.#shown = !quiet && process.stderr.isTTY === true;
  }

  show(done: number): void {
    if (this.#shown) process.stderr.write(`\r\x1b[2K${done < this.total ? `${this.what} ${done}/${this.total}` : ""}`);
  }
}
