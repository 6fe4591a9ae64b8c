/** The style of a report as a page, for light and dark screens and for paper. */
import { SERIES_COLOURS } from "../../figures/series-colours.js";

const seriesColours = (theme: keyof typeof SERIES_COLOURS): string =>
  SERIES_COLOURS[theme].map((colour, i) => `--series-${i}: ${colour};`).join(" ");

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --ink: #1c1e21; --quiet: #5c6370; --line: #d9dce1; --stripe: #f6f7f9; --heat: 214 93 14;
  ${seriesColours("light")}
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #16181c; --ink: #e6e8eb; --quiet: #9aa3af; --line: #363b43; --stripe: #1e2126; --heat: 203 75 22;
    ${seriesColours("dark")}
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 0.6rem; padding-bottom: 0.25rem; border-bottom: 1px solid var(--line); }
p { margin: 0.5rem 0; max-width: 46rem; overflow-wrap: anywhere; }
figure { margin: 1rem 0 1.6rem; }
figcaption { color: var(--quiet); margin-bottom: 0.4rem; max-width: 46rem; }
figure.beside { display: inline-block; vertical-align: top; width: 31rem; max-width: 100%; margin-right: 1.4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.28rem 0.7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { font-weight: 600; vertical-align: bottom; }
thead th, thead td { border-bottom: 2px solid var(--line); }
th:first-child, .words { text-align: left; }
td.words { white-space: normal; min-width: 12rem; }
tbody th { font-weight: 400; }
tbody tr:nth-child(even) { background: var(--stripe); }
.heat tbody tr, .pictures tbody tr { background: none; }
.heat th, .heat td { padding: 0.28rem 0.3rem; }
.heat td { text-align: center; min-width: 3.3rem; border: 2px solid var(--ground); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.heat thead th:not(:first-child), .pictures thead th { text-align: center; }
.pictures thead th { white-space: normal; font-weight: 400; color: var(--quiet); font-size: 0.85rem; }
.pictures td { text-align: center; padding: 0.35rem; vertical-align: top; }
.pictures img { display: block; margin: 0 auto; image-rendering: pixelated; }
.pictures span { display: block; font-size: 0.8rem; color: var(--quiet); max-width: 8rem; margin: 0 auto; white-space: pre-line; line-height: 1.3; padding-top: 0.25rem; }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--quiet); }
pre { overflow-x: auto; padding: 0.8rem 1rem; background: var(--stripe); font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
svg { max-width: 100%; height: auto; display: block; }
svg text { fill: var(--ink); font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
svg .grid { stroke: var(--line); }
@media (max-width: 40rem) {
  main { padding: 1rem 0.8rem 3rem; }
  th, td { padding: 0.25rem 0.4rem; }
  tbody th { white-space: normal; min-width: 7rem; overflow-wrap: anywhere; }
  td.words { min-width: 8rem; }
}
@media print {
  :root { color-scheme: light; --ground: #ffffff; --ink: #000000; --quiet: #444444; --line: #bbbbbb; --stripe: #ffffff; --heat: 214 93 14;
    ${seriesColours("light")} }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  .scroll { overflow: visible; }
  h2, figcaption { break-after: avoid; }
  tr, svg { break-inside: avoid; }
  th, td { padding: 0.15rem 0.4rem; }
  figure.beside { width: 48%; margin-right: 1%; }
  .heat { font-size: 8pt; }
  .heat td { min-width: 0; }
}
`;
