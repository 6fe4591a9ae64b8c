/** Renders a report as one self-contained HTML file. */
import { curveFigure } from "./curve-figure.js";
import { type Block, type Document, type HeatMap, isWords, type PictureGrid, type Table, textOf } from "./document.js";
import { escapeHtml } from "./escape.js";
import { STYLE } from "./html-style.js";
import { lineFigure } from "./line-figure.js";

/**
 * One self-contained page for screens and printers, light or dark as the reader's system is. It is well-formed XML: every
 * element is closed.
 */
export function renderHtml({ title, blocks }: Document): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${blocks.map(renderBlock).join("\n")}
</main>
</body>
</html>
`;
}

function renderBlock(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `<h2>${escapeHtml(block.text)}</h2>`;
    case "paragraph":
      return `<p>${escapeHtml(block.text)}</p>`;
    case "table":
      return figure(block.caption, table(block));
    case "heat map":
      return figure(block.caption, heatMap(block), "beside");
    case "lines":
      return figure(block.caption, lineFigure(block));
    case "curves":
      return figure(block.caption, curveFigure(block), "beside");
    case "listing":
      return `<details><summary>${escapeHtml(block.caption)}</summary><pre>${escapeHtml(block.text)}</pre></details>`;
    case "pictures":
      return figure(block.caption, pictures(block));
  }
}

/** @param layout "beside" allows the next figure of the same kind to be on its right */
const figure = (caption: string, body: string, layout = "below"): string =>
  `<figure class="${layout}">\n<figcaption>${escapeHtml(caption)}</figcaption>\n<div class="scroll">${body}</div>\n</figure>`;

function table({ columns, rows }: Table): string {
  const body = rows.map(([name, ...cells]) => {
    const values = cells.map((cell, c) => {
      const words = isWords({ rows }, c + 1);
      return `<td${words ? ' class="words"' : ""}>${escapeHtml(textOf(cell))}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(textOf(name))}</th>${values.join("")}</tr>`;
  });
  return `<table><thead>${header(columns, (c) => isWords({ rows }, c))}</thead><tbody>\n${body.join("\n")}\n</tbody></table>`;
}

/** Opacity of the strongest colour, at which the numbers are still readable. */
const DARKEST = 0.72;

function heatMap({ corner, columns, rows, full }: HeatMap): string {
  const body = rows.map(({ name, cells }) => {
    const values = cells.map(({ value, text }) => {
      const alpha = DARKEST * Math.min(1, Math.max(0, value / full));
      return `<td style="background: rgb(var(--heat) / ${Number.isFinite(alpha) ? alpha.toFixed(3) : 0})">${escapeHtml(text)}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(name)}</th>${values.join("")}</tr>`;
  });
  return `<table class="heat"><thead>${header([corner, ...columns])}</thead><tbody>\n${body.join("\n")}\n</tbody></table>`;
}

function pictures({ columns, rows }: PictureGrid): string {
  const body = rows.map(({ name, cells }) => {
    const images = cells.map(({ name: file, png, width, note }) => {
      const source = `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
      const below = note === undefined ? "" : `<span>${escapeHtml(note)}</span>`;
      return `<td><img src="${source}" width="${width}" alt="${escapeHtml(file)}" />${below}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(name)}</th>${images.join("")}</tr>`;
  });
  return `<table class="pictures"><thead>${header(["", ...columns])}</thead><tbody>\n${body.join("\n")}\n</tbody></table>`;
}

const header = (columns: readonly string[], words: (column: number) => boolean = () => false): string => {
  const cell = (name: string, c: number) =>
    name === "" ? "<td></td>" : `<th scope="col"${c > 0 && words(c) ? ' class="words"' : ""}>${escapeHtml(name)}</th>`;
  return `<tr>${columns.map(cell).join("")}</tr>`;
};
