/** Writes a report to files. */
import { join } from "node:path";
import { makeFolder, writeFileAtomic } from "../../runs/atomic-file.js";
import { renderCsv } from "./csv.js";
import type { Document } from "./document.js";
import { renderHtml } from "./html.js";
import { renderMarkdown } from "./markdown.js";

const PICTURES = "pictures";

/**
 * Writes `NAME.html`, `NAME.md`, `NAME.csv`, `NAME.json` and the pictures of the Markdown form. Each file appears when it is
 * complete.
 *
 * @param data the contents of the JSON file
 * @throws RunError ERR_WRITE
 */
export function writeReport(folder: string, name: string, document: Document, data: unknown): void {
  const pictures = document.blocks.flatMap((block) =>
    block.kind === "pictures" ? block.rows.flatMap(({ cells }) => cells) : [],
  );
  makeFolder(pictures.length > 0 ? join(folder, PICTURES) : folder);
  for (const { name: picture, png } of pictures) writeFileAtomic(join(folder, PICTURES, `${picture}.png`), png);
  writeFileAtomic(join(folder, `${name}.json`), `${JSON.stringify(data, null, 2)}\n`);
  writeFileAtomic(join(folder, `${name}.csv`), renderCsv(document));
  writeFileAtomic(join(folder, `${name}.md`), renderMarkdown(document, PICTURES));
  writeFileAtomic(join(folder, `${name}.html`), renderHtml(document));
}
