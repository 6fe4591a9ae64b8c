/** Progress on standard error: one line that is rewritten on a terminal, a line now and then elsewhere. */
import { duration } from "../runs/wording.js";
import type { FitEvent, StepEvent } from "../training/events.js";

const TERMINAL_INTERVAL_MS = 200;
const LOG_INTERVAL_MS = 15_000;

/** Shows how a run goes: losses, speed, time left. */
export class ProgressLine {
  readonly #terminal = process.stderr.isTTY === true;
  #shown = Number.NEGATIVE_INFINITY;
  #step: StepEvent | undefined;

  show(event: FitEvent): void {
    if (event.type === "step") {
      this.#step = event;
      const now = performance.now();
      const due = now - this.#shown >= (this.#terminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS);
      if (!due && event.step < event.totalSteps) return;
      this.#shown = now;
      this.#write(describe(event), "");
    } else if (event.type === "validation" && this.#step !== undefined) {
      const accuracy = `validation accuracy ${(100 * event.accuracy).toFixed(2)} %`;
      this.#write(`${describe(this.#step)}  ${accuracy}`, "\n");
    }
  }

  #write(line: string, end: string): void {
    process.stderr.write(this.#terminal ? `\r\x1b[2K${line}${end}` : `${line}\n`);
  }

  /** Ends the line on a terminal, so that what follows starts a new one. */
  end(): void {
    if (this.#terminal) process.stderr.write("\n");
  }
}

function describe(event: StepEvent): string {
  const { step, totalSteps, epoch, epochs, meanLosses, imagesPerSecond, secondsLeft } = event;
  const named = Object.entries(meanLosses).map(
    ([name, loss]) => `${name.replace(/Loss$/, "")} loss ${loss.toFixed(3)}`,
  );
  return [
    `epoch ${epoch + 1}/${epochs}`,
    `step ${step}/${totalSteps}`,
    ...named,
    `${imagesPerSecond.toFixed(0)} images/s`,
    `${duration(secondsLeft)} left`,
  ].join("  ");
}

/** "clean 2000/10000" on standard error, rewritten on a terminal and silent elsewhere. */
export class BatchProgress {
  readonly #shown: boolean;

  constructor(quiet: boolean) {
    this.#shown = !quiet && process.stderr.isTTY === true;
  }

  show(what: string, done: number, total: number): void {
    if (this.#shown) process.stderr.write(`\r\x1b[2K${done < total ? `${what} ${done}/${total}` : ""}`);
  }
}
