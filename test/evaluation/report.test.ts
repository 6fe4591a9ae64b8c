/** The renderer: the same document as text, Markdown, HTML and CSV. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { renderCsv } from "../../src/evaluation/report/csv.js";
import { type Document, fixed, percent } from "../../src/evaluation/report/document.js";
import { renderHtml } from "../../src/evaluation/report/html.js";
import { renderMarkdown } from "../../src/evaluation/report/markdown.js";
import { renderText } from "../../src/evaluation/report/text.js";
import { writeReport } from "../../src/evaluation/report/write.js";
import { hasChromium, runChromium } from "../support/chromium.js";
import { temporaryFolder } from "../support/folders.js";
import { checkWellFormed } from "../support/well-formed.js";

const HOSTILE = `<script>alert("x")</script> & | a*b_c`;

const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: "#3366cc" } })
  .png()
  .toBuffer();

const DOCUMENT: Document = {
  title: `Report of ${HOSTILE}`,
  blocks: [
    { kind: "heading", text: "Results" },
    { kind: "paragraph", text: `A paragraph about ${HOSTILE}. ${"It goes on. ".repeat(20)}` },
    {
      kind: "table",
      caption: "Accuracies, of two",
      columns: ["", "one", HOSTILE],
      rows: [
        ["clean", percent(0.91234), percent(0.5)],
        [HOSTILE, "not measured", fixed(1.5, 3)],
      ],
    },
    {
      kind: "heat map",
      caption: "Errors",
      corner: "corruption",
      columns: ["1", "2"],
      rows: [
        { name: "fog", cells: [percent(0), percent(0.25)] },
        { name: "snow", cells: [percent(1), percent(Number.NaN)] },
      ],
      full: 1,
    },
    {
      kind: "lines",
      caption: "Curves",
      xLabel: "epsilon",
      yLabel: "accuracy, %",
      x: [fixed(0, 0), fixed(4, 0)],
      series: [{ name: HOSTILE, y: [percent(0.75), percent(0.25)] }],
      full: 1,
    },
    {
      kind: "pictures",
      caption: "Samples",
      columns: ["clean"],
      rows: [{ name: "cat", cells: [{ name: "sample-1", png, width: 80, note: HOSTILE }] }],
    },
  ],
};

test("text: aligned tables, wrapped paragraphs, no pictures", () => {
  const text = renderText(DOCUMENT);
  const lines = text.split("\n");
  expect(lines).toContain(
    `  clean${" ".repeat(HOSTILE.length - 5)}         91.23  ${"50.00".padStart(HOSTILE.length)}`,
  );
  expect(Math.max(...lines.filter((line) => line.startsWith("It goes on")).map(({ length }) => length))).toBeLessThan(
    101,
  );
  expect(text).toContain("  fog           0.00  25.00");
  expect(text).not.toContain("Samples");
});

test("Markdown: figures as tables, pictures as links, and markup in names is escaped", () => {
  const markdown = renderMarkdown(DOCUMENT, "pictures");
  expect(markdown).toContain("| clean | 91.23 | 50.00 |");
  expect(markdown).toContain("| corruption | 1 | 2 |");
  expect(markdown).toContain("![sample-1](pictures/sample-1.png)<br>");
  expect(markdown).not.toMatch(/(^|[^\\])<script/);
  // Each line of a table has as many columns as its head.
  const rows = markdown.split("\n").filter((line) => line.startsWith("| "));
  const cells = rows.map((line) => line.split(/(?<!\\)\|/).length - 2);
  expect(cells).toEqual([3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2].slice(0, cells.length - 3).concat([2, 2, 2]));
});

test("CSV: a line for each number, with all of its digits and correct quoting", () => {
  const lines = renderCsv(DOCUMENT).split("\r\n");
  expect(lines[0]).toBe("section,row,column,value");
  expect(lines).toContain('"Accuracies, of two",clean,one,0.91234');
  expect(lines).toContain(`"Accuracies, of two","${HOSTILE.replaceAll('"', '""')}",one,not measured`);
  expect(lines).toContain("Errors,fog,2,0.25");
  expect(lines).toContain(`Curves,"${HOSTILE.replaceAll('"', '""')}",4,0.25`);
  expect(lines).toHaveLength(1 + 4 + 4 + 2 + 1);
});

describe("HTML", () => {
  const html = renderHtml(DOCUMENT);

  test("is well-formed, and loads nothing from other files", () => {
    checkWellFormed(html);
    expect(html).not.toContain("<script");
    expect(html).not.toMatch(/\b(src|href)="(?!data:image\/png;base64,)/);
    expect(html).not.toMatch(/url\(|@import/);
    expect(html).toContain("rgb(var(--heat) / 0.720)");
    expect(html).toContain("prefers-color-scheme: dark");
    expect(html).toContain("@media print");
  });

  test("the check for well-formedness finds errors", () => {
    expect(() => checkWellFormed(html.replace("</figcaption>", ""))).toThrow("figure");
    expect(() => checkWellFormed(html.replace("&lt;script", "<script"))).toThrow();
  });

  test.skipIf(!hasChromium).each(["light", "dark"] as const)(
    "a browser shows it in %s: pictures load, and nothing is wider than the page",
    (scheme) => {
      const path = join(temporaryFolder(), "report.html");
      const probe = `<script>document.body.dataset.seen = JSON.stringify({
      wide: document.documentElement.scrollWidth > innerWidth,
      pictures: Array.from(document.images, (image) => image.naturalWidth),
      ground: getComputedStyle(document.body).backgroundColor,
      cells: document.querySelectorAll("td").length,
    })</script>`;
      writeFileSync(
        path,
        html.replace("</body>", () => `${probe}</body>`),
      );
      const shown = runChromium(path, scheme);
      const seen = /data-seen="([^"]*)"/.exec(shown)![1].replaceAll("&quot;", '"');
      const ground = scheme === "dark" ? "rgb(22, 24, 28)" : "rgb(255, 255, 255)";
      expect(JSON.parse(seen)).toEqual({ wide: false, pictures: [8], ground, cells: 11 });
    },
  );
});

test("the curves of 12 runs have different colours in every theme of the page", () => {
  const series = Array.from({ length: 12 }, (_, i) => ({
    name: `run ${i}`,
    points: [
      [0, i],
      [1, i],
    ] as const,
    colour: i,
    dash: 0,
  }));
  const figure = { kind: "curves", caption: "loss", xLabel: "epochs", yLabel: "nats", series } as const;
  const html = renderHtml({ title: "Runs", blocks: [figure] });
  const names = Array.from(html.matchAll(/<polyline[^>]* stroke="var\((--series-\d+)\)"/g), ([, name]) => name);
  expect(new Set(names).size).toBe(12);
  // The values of each name for light screens, dark screens and paper.
  const values = names.map((name) =>
    Array.from(html.matchAll(new RegExp(`${name}: (#\\w{6});`, "g")), ([, value]) => value),
  );
  expect(values.map((themes) => themes.length)).toEqual(names.map(() => 3));
  for (const theme of [0, 1, 2]) expect(new Set(values.map((themes) => themes[theme])).size).toBe(12);
});

test("all files of a report are complete", () => {
  const folder = join(temporaryFolder(), "deep", "down");
  mkdirSync(folder, { recursive: true });
  writeReport(folder, "report", DOCUMENT, { answer: 42 });
  expect(readdirSync(folder).sort()).toEqual(["pictures", "report.csv", "report.html", "report.json", "report.md"]);
  expect(JSON.parse(readFileSync(join(folder, "report.json"), "utf8"))).toEqual({ answer: 42 });
  expect(existsSync(join(folder, "pictures", "sample-1.png"))).toBe(true);
});
