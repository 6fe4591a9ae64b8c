/** A report as Markdown. */
import { type Document, isWords, type PictureGrid, type Table, tableOf, textOf } from "./document.js";

/**
 * GitHub's Markdown. Heat maps and curves become tables. Pictures become links to files in the folder `pictures`.
 *
 * @param pictures folder of the pictures' files, relative to the report
 */
export function renderMarkdown({ title, blocks }: Document, pictures: string): string {
  const parts = blocks.map((block) => {
    if (block.kind === "heading") return `## ${escaped(block.text)}`;
    if (block.kind === "paragraph") return escaped(block.text);
    if (block.kind === "pictures") return pictureTable(block, pictures);
    // Lines with four leading spaces are a code block, whatever their text is.
    if (block.kind === "listing")
      return `**${escaped(block.caption)}**\n\n${block.text.trimEnd().replace(/^/gm, "    ")}`;
    const table = tableOf(block);
    return table === undefined ? "" : `**${escaped(block.caption)}**\n\n${pipeTable(table)}`;
  });
  return `${[`# ${escaped(title)}`, ...parts].join("\n\n")}\n`;
}

function pipeTable({ columns, rows }: Pick<Table, "columns" | "rows">): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = columns.map((_, c) => (isWords({ rows }, c) ? "---" : "---:"));
  return [
    line(columns.map(escaped)),
    line(rule),
    ...rows.map((row) => line(row.map((cell) => escaped(textOf(cell))))),
  ].join("\n");
}

function pictureTable({ caption, columns, rows }: PictureGrid, folder: string): string {
  const cell = ({ name, note }: PictureGrid["rows"][number]["cells"][number]) =>
    `![${escaped(name)}](${folder}/${name}.png)${note === undefined ? "" : `<br>${escaped(note)}`}`;
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    `**${escaped(caption)}**\n`,
    line(["", ...columns.map(escaped)]),
    line(["---", ...columns.map(() => "---")]),
    ...rows.map(({ name, cells }) => line([escaped(name), ...cells.map(cell)])),
  ].join("\n");
}

/** Escapes the markup of Markdown, since names of files and classes come from users. */
const escaped = (text: string): string =>
  text.replace(/[\\`*_[\]<>|#]/g, (character) => `\\${character}`).replaceAll("\n", " ");
