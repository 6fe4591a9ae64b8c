/** Progress on standard error: on a terminal one line that is rewritten, and elsewhere a line for each epoch. */
import { styleText } from "node:util";
import { duration } from "../../runs/wording.js";
import type { EpochEvent, StepEvent, ValidationEvent } from "../../training/events.js";

const TERMINAL_INTERVAL_MS = 200;
const BAR = 12;
/** The waiting time for images is shown if it is at least this share of an epoch. */
const WORTH_SAYING = 0.1;

/** The stream for progress, such as standard error. */
export type Output = Pick<NodeJS.WriteStream, "write" | "isTTY" | "columns" | "hasColors">;

/** A part of a line. If a line is too long, the parts with the highest rank are left out first. */
interface Part {
  readonly text: string;
  readonly rank: number;
  readonly style?: "bold" | "cyan" | "dim" | "green" | "yellow";
}

/** Shows how a run goes: losses, accuracy, speed, time left. */
export class ProgressLine {
  readonly #output: Output;
  readonly #terminal: boolean;
  readonly #colours: boolean;
  #shown = Number.NEGATIVE_INFINITY;
  /** Whether the terminal shows a progress line that the next one overwrites. */
  #live = false;
  #step: StepEvent | undefined;
  /** A finished epoch. Its line is printed at the next step, which knows the remaining time. */
  #epoch: { readonly done: EpochEvent; readonly validation?: ValidationEvent } | undefined;

  /** Colours follow the terminal and NO_COLOR. */
  constructor(output: Output = process.stderr) {
    this.#output = output;
    this.#terminal = output.isTTY === true;
    this.#colours = this.#terminal && output.hasColors();
  }

  show(event: StepEvent | EpochEvent | ValidationEvent): void {
    switch (event.type) {
      case "step": {
        this.#endEpoch(event.secondsLeft);
        this.#step = event;
        const now = performance.now();
        if (!this.#terminal || now - this.#shown < TERMINAL_INTERVAL_MS) return;
        this.#shown = now;
        this.#live = true;
        this.#output.write(`\r\x1b[2K${this.#line(stepParts(event))}`);
        return;
      }
      case "epoch":
        this.#epoch = { done: event };
        return;
      case "validation":
        if (this.#epoch !== undefined) this.#epoch = { ...this.#epoch, validation: event };
    }
  }

  /** Ends the progress line, so that further output starts on a new line. */
  end(): void {
    this.#endEpoch(undefined);
    if (this.#live) this.#output.write("\n");
    this.#live = false;
  }

  /** Writes the line of a finished epoch. */
  #endEpoch(secondsLeft: number | undefined): void {
    if (this.#epoch === undefined) return;
    const { done, validation } = this.#epoch;
    const line = this.#line(epochParts(done, validation, this.#step?.epochs, secondsLeft));
    this.#output.write(`${this.#terminal ? "\r\x1b[2K" : ""}${line}\n`);
    this.#epoch = undefined;
    this.#live = false;
  }

  /** As many of the parts as fit the terminal, in their order. The most important part is always shown. */
  #line(parts: readonly Part[]): string {
    // Some terminals begin a new line when the last column is filled.
    const width = this.#terminal ? (this.#output.columns || 80) - 1 : Number.POSITIVE_INFINITY;
    const kept = [...parts];
    while (kept.length > 1 && kept.reduce((sum, { text }) => sum + text.length + 2, -2) > width) {
      const least = kept.reduce((worst, part) => (part.rank > worst.rank ? part : worst));
      kept.splice(kept.indexOf(least), 1);
    }
    return kept
      .map(({ text, style }) => (style && this.#colours ? styleText(style, text, { validateStream: false }) : text))
      .join("  ");
  }
}

/** The line during an epoch. */
function stepParts({ step, totalSteps, epoch, epochs, meanLosses, imagesPerSecond, secondsLeft }: StepEvent): Part[] {
  const share = step / totalSteps;
  const filled = Math.floor(BAR * share);
  return [
    { text: `epoch ${epoch + 1}/${epochs}`, rank: 0, style: "bold" },
    { text: "━".repeat(filled) + "─".repeat(BAR - filled), rank: 6, style: "cyan" },
    { text: `${Math.floor(100 * share)} %`, rank: 2 },
    ...lossParts(meanLosses),
    { text: `${imagesPerSecond.toFixed(0)} images/s`, rank: 5, style: "dim" },
    { text: `${duration(secondsLeft)} left`, rank: 1 },
  ];
}

/** The line of a finished epoch. */
function epochParts(
  { epoch, meanLosses, seconds, imagesPerSecond, waitingShare }: EpochEvent,
  validation: ValidationEvent | undefined,
  epochs: number | undefined,
  secondsLeft: number | undefined,
): Part[] {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  return [
    { text: `epoch ${epoch + 1}${epochs === undefined ? "" : `/${epochs}`}`, rank: 0, style: "bold" },
    ...lossParts(meanLosses),
    ...(validation
      ? [
          { text: `validation accuracy ${percent(validation.accuracy)}`, rank: 2, style: "green" } as const,
          ...(validation.best ? [{ text: "best", rank: 7, style: "green" } as const] : []),
        ]
      : []),
    { text: `${imagesPerSecond.toFixed(0)} images/s`, rank: 6, style: "dim" },
    ...(waitingShare >= WORTH_SAYING
      ? [{ text: `waited for images ${(100 * waitingShare).toFixed(0)} %`, rank: 5, style: "yellow" } as const]
      : []),
    { text: duration(seconds), rank: 5, style: "dim" },
    ...(secondsLeft === undefined ? [] : [{ text: `${duration(secondsLeft)} left`, rank: 1 }]),
  ];
}

/** The first loss, that of clean images, is more important than the others. */
const lossParts = (losses: Readonly<Record<string, number>>): Part[] =>
  Object.entries(losses).map(([name, loss], i) => ({
    text: `${name.replace(/Loss$/, "")} loss ${loss.toFixed(3)}`,
    rank: i === 0 ? 3 : 4,
  }));

/** "clean 2000/10000" on standard error, rewritten on a terminal; nothing elsewhere. */
export class BatchProgress {
  readonly #shown: boolean;

  constructor(quiet: boolean) {
    this.#shown = !quiet && process.stderr.isTTY === true;
  }

  show(what: string, done: number, total: number): void {
    if (this.#shown) process.stderr.write(`\r\x1b[2K${done < total ? `${what} ${done}/${total}` : ""}`);
  }
}
