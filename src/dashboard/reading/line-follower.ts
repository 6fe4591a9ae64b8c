/** Follows a growing file of lines: each call reads the lines that were added since the last call. */
import { type FileHandle, open } from "node:fs/promises";

const CHUNK = 1024 * 1024;

/** A longer line cannot be one of our records, and is not kept in memory. */
const LONGEST_LINE = 4 * 1024 * 1024;

const NEWLINE = 10;

export class LineFollower {
  #offset = 0;
  #inode = -1;
  /** The text after the last line end: a line that may still be incomplete. */
  #rest: Buffer = Buffer.alloc(0);
  /** Whether the rest of a too long line is being skipped. */
  #skipping = false;

  constructor(readonly path: string) {}

  /**
   * Calls `onLine` with each new complete line. Calls `onRestart` before that if the file was replaced, became shorter, or was deleted.
   * A line that is too long is passed as "".
   */
  async read(onLine: (line: string) => void, onRestart: () => void): Promise<void> {
    let file: FileHandle;
    try {
      file = await open(this.path, "r");
    } catch {
      if (this.#offset > 0) this.#restart(-1, onRestart);
      return;
    }
    try {
      const { ino, size } = await file.stat();
      if (ino !== this.#inode || size < this.#offset) this.#restart(ino, onRestart);
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, size - this.#offset));
      while (this.#offset < size) {
        const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, size - this.#offset), this.#offset);
        if (bytesRead === 0) break;
        this.#offset += bytesRead;
        this.#split(chunk.subarray(0, bytesRead), onLine);
      }
    } finally {
      await file.close();
    }
  }

  #restart(inode: number, onRestart: () => void): void {
    const began = this.#offset > 0;
    this.#offset = 0;
    this.#inode = inode;
    this.#rest = Buffer.alloc(0);
    this.#skipping = false;
    if (began) onRestart();
  }

  #split(chunk: Buffer, onLine: (line: string) => void): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      const line = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
      onLine(this.#skipping ? "" : line.toString("utf8"));
      this.#rest = Buffer.alloc(0);
      this.#skipping = false;
      start = end + 1;
    }
    if (this.#skipping || start === chunk.length) return;
    this.#rest = Buffer.concat([this.#rest, chunk.subarray(start)]);
    if (this.#rest.length <= LONGEST_LINE) return;
    this.#rest = Buffer.alloc(0);
    this.#skipping = true;
  }
}
