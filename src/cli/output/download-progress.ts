/** Progress of a download of weights. */

import { withFlags } from "../flags/flag-names.js";
import { CountLine } from "./count-line.js";

/** Shows the downloaded bytes, and then what was recognised; nothing if quiet. */
export function downloadProgress(quiet: boolean): {
  readonly show: (done: number, total: number | undefined) => void;
  end(notes: readonly string[]): void;
} {
  const line = new CountLine("bytes", quiet);
  return {
    show: (done, total) => line.show(done, total),
    end: (notes) => {
      line.end();
      if (!quiet) for (const note of notes) process.stderr.write(`${withFlags(note)}\n`);
    },
  };
}
