/** The metrics of runs as CSV, all of them: what a chart shows of them is downsampled. */
import { createReadStream, existsSync } from "node:fs";
import { createInterface } from "node:readline";
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
    if (!existsSync(path)) continue;
    const run = /[",\r\n]/.test(id) ? `"${id.replaceAll('"', '""')}"` : id;
    for await (const line of createInterface({ input: createReadStream(path) })) {
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
