/** The numbers of a report for other programs. */
import { type Document, tableOf } from "./document.js";

/**
 * Every table and figure in long form, a line for each cell: `section,row,column,value`. Numbers have all their digits, and
 * shares are fractions; cells that are words stand as they are. Quoting as in RFC 4180.
 */
export function renderCsv({ blocks }: Document): string {
  const lines = [["section", "row", "column", "value"]];
  for (const block of blocks) {
    const table = tableOf(block);
    for (const [name, ...cells] of table?.rows ?? []) {
      cells.forEach((cell, c) => {
        const value = typeof cell === "string" ? cell : String(cell.value);
        lines.push([table!.caption, typeof name === "string" ? name : name.text, table!.columns[c + 1], value]);
      });
    }
  }
  return csv(lines);
}

/** Lines of fields, quoted as in RFC 4180. */
export const csv = (lines: readonly (readonly string[])[]): string =>
  lines.map((fields) => `${fields.map(quoted).join(",")}\r\n`).join("");

const quoted = (field: string): string => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
