/** Saves shown values as a CSV file. */
import { csv } from "../../evaluation/report/csv.js";

export type CsvCell = string | number | null | undefined;

/** Lets the browser save lines as a CSV file, quoted as in RFC 4180. */
export function saveCsv(name: string, lines: readonly (readonly CsvCell[])[]): void {
  const text = csv(lines.map((cells) => cells.map((cell) => String(cell ?? ""))));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `${name}.csv`;
  link.click();
  // The browser has read the data by the next turn of the event loop.
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
