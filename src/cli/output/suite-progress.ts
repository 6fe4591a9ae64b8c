/** Progress of a suite on standard error. */
import type { SuiteProgress } from "../../evaluation/suite/run.js";
import { duration } from "../../runs/wording.js";

const TERMINAL_INTERVAL_MS = 200;
const LOG_INTERVAL_MS = 15_000;

/** One line that is rewritten on a terminal, a line every 15 seconds elsewhere, nothing if quiet. */
export class SuiteProgressLine {
  readonly #terminal = process.stderr.isTTY === true;
  readonly #started = performance.now();
  #shown = performance.now();

  constructor(readonly quiet: boolean) {}

  show({ condition, conditions, id, done, images, share }: SuiteProgress): void {
    const now = performance.now();
    if (this.quiet || now - this.#shown < (this.#terminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)) return;
    this.#shown = now;
    const left = share > 0 ? duration(((now - this.#started) / 1000) * (1 / share - 1)) : "?";
    const line = `${condition}/${conditions}  ${id}  ${done}/${images} images  ${left} left`;
    process.stderr.write(this.#terminal ? `\r\x1b[2K${line}` : `${line}\n`);
  }

  /** Prints a line that is not overwritten. */
  say(line: string): void {
    if (!this.quiet) process.stderr.write(`${this.#terminal ? "\r\x1b[2K" : ""}${line}\n`);
  }
}
