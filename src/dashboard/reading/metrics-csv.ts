/** All metrics of runs as CSV; charts show them only downsampled. */
import { createReadStream } from "node:fs";
import { csvField } from "../../evaluation/report/csv.js";
import { eachNumber, parseRecord } from "./records.js";

/** Number of characters that are sent at a time. */
const PIECE = 65_536;

/**
 * Lines `run,metric,step,epoch,value`, generated on demand, so that a long run needs no more memory.
 *
 * @param metrics names such as "step.cleanLoss"; an empty set means all
 */
export async function* metricsCsv(
  runs: readonly { readonly id: string; readonly path: string }[],
  metrics: ReadonlySet<string>,
): AsyncGenerator<string> {
  let text = "run,metric,step,epoch,value\r\n";
  for (const { id, path } of runs) {
    const run = csvField(id);
    for await (const line of linesOf(path)) {
      const record = parseRecord(line);
      if (record === undefined) continue;
      eachNumber(record, (section, key, value) => {
        const name = `${section}.${key}`;
        if (metrics.size > 0 && !metrics.has(name)) return;
        text += `${run},${csvField(name)},${record.step},${record.epoch ?? ""},${value}\r\n`;
      });
      if (text.length < PIECE) continue;
      yield text;
      text = "";
    }
  }
  yield text;
}

/** The lines of a file. If the file does not exist or is deleted meanwhile, the lines that could be read. */
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
