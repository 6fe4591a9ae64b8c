/** Renders the numbers of a report for other programs. */
import { type Document, tableOf } from "./document.js";

/**
 * Every table and figure in long form, with a line `section,row,column,value` for each cell. Numbers have all their digits,
 * and shares are fractions. Cells of text are unchanged. Quoting as in RFC 4180.
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
  lines.map((fields) => `${fields.map(csvField).join(",")}\r\n`).join("");

/** A field, quoted if it needs quotes. */
export const csvField = (field: string): string =>
  /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
