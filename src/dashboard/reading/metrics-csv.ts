/** The metrics of runs as CSV, all of them: what a chart shows of them is downsampled. */
import { createReadStream } from "node:fs";
import { eachNumber, parseRecord } from "./records.js";

/** Characters that are sent at a time. */
const PIECE = 65_536;

/**
 * Lines `run,metric,step,epoch,value`, made as they are asked for, so that no run is too long.
 *
 * @param metrics names such as "step.cleanLoss"; all where there are none
 */
export async function* metricsCsv(
  runs: readonly { readonly id: string; readonly path: string }[],
  metrics: ReadonlySet<string>,
): AsyncGenerator<string> {
  let text = "run,metric,step,epoch,value\r\n";
  for (const { id, path } of runs) {
    const run = /[",\r\n]/.test(id) ? `"${id.replaceAll('"', '""')}"` : id;
    for await (const line of linesOf(path)) {
      const record = parseRecord(line);
      if (record === undefined) continue;
      eachNumber(record, (section, key, value) => {
        const name = `${section}.${key}`;
        if (metrics.size > 0 && !metrics.has(name)) return;
        text += `${run},${name},${record.step},${record.epoch ?? ""},${value}\r\n`;
      });
      if (text.length < PIECE) continue;
      yield text;
      text = "";
    }
  }
  yield text;
}

/** The lines that are there; of a file that is gone, or goes away meanwhile, those that were read. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of createReadStream(path, "utf8")) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      yield* lines;
    }
  } catch {
    // The others of the runs are still to be had.
  }
}
