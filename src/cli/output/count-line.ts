/** Progress as a count. */

/** "1200/3781 images" on standard error: rewritten on a terminal, a line every few seconds elsewhere. */
export class CountLine {
  readonly #unit: string;
  readonly #quiet: boolean;
  readonly #terminal = process.stderr.isTTY === true;
  #shown = performance.now();

  constructor(unit: string, quiet: boolean) {
    this.#unit = unit;
    this.#quiet = quiet;
  }

  show(done: number, total: number | undefined): void {
    if (this.#quiet || performance.now() - this.#shown < (this.#terminal ? 100 : 5000)) return;
    this.#shown = performance.now();
    const line = `${done}${total === undefined ? "" : `/${total}`} ${this.#unit}`;
    process.stderr.write(this.#terminal ? `\r\x1b[2K${line}` : `${line}\n`);
  }

  end(): void {
    if (!this.#quiet && this.#terminal) process.stderr.write("\r\x1b[2K");
  }
}
