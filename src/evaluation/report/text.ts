/** Renders a report for a terminal. */
import { type Document, isWords, type Table, tableOf, textOf } from "./document.js";

/** Plain text with aligned tables. Pictures and listings are only in the other forms. */
export function renderText({ title, blocks }: Document): string {
  const parts = blocks.flatMap((block, i) => {
    // A heading is left out if pictures or a listing follow it, since they are left out.
    const next = blocks[i + 1]?.kind;
    if (block.kind === "heading" && (next === "pictures" || next === "listing")) return [];
    if (block.kind === "heading") return [block.text, "-".repeat(block.text.length)];
    if (block.kind === "paragraph") return [wrap(block.text, 100), ""];
    const table = tableOf(block);
    return table === undefined ? [] : [block.caption, alignedTable(table), ""];
  });
  return [title, "=".repeat(title.length), ...parts].join("\n").trimEnd();
}

/** A table with aligned columns: text to the left, numbers to the right. */
function alignedTable({ columns, rows }: Pick<Table, "columns" | "rows">): string {
  const lines = [columns, ...rows.map((row) => row.map(textOf))];
  const words = columns.map((_, c) => isWords({ rows }, c));
  const widths = columns.map((_, c) => Math.max(...lines.map((line) => (line[c] ?? "").length)));
  return lines
    .map((line) => line.map((text, c) => (words[c] ? text.padEnd(widths[c]) : text.padStart(widths[c]))).join("  "))
    .map((line) => `  ${line.trimEnd()}`)
    .join("\n");
}

function wrap(text: string, width: number): string {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last !== "" && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join("\n");
}
