/** Curves as SVG. Colours come from the style of the page. */
import type { LineFigure } from "./document.js";
import { escapeHtml } from "./escape.js";
import { colour, stroke, text } from "./svg-parts.js";

const WIDTH = 640;
const HEIGHT = 300;
const LEFT = 60;
const RIGHT = 620;
const TOP = 14;
const BOTTOM = 250;
const Y_TICKS = 5;

/** The figure with the names of its curves below. */
export function lineFigure({ xLabel, yLabel, x, series, full, caption }: LineFigure): string {
  const last = x[x.length - 1].value;
  const across = (value: number) => LEFT + ((RIGHT - LEFT) * value) / (last || 1);
  const up = (value: number) => BOTTOM - ((BOTTOM - TOP) * value) / full;
  const yTicks = Array.from({ length: Y_TICKS + 1 }, (_, i) => (full * i) / Y_TICKS);
  const grid = yTicks.map(
    (tick) =>
      `<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${up(tick)}" y2="${up(tick)}" />` +
      text(LEFT - 8, up(tick) + 4, `${Math.round(100 * tick)}`, "end"),
  );
  const xTicks = x.map(({ value, text: words }) => text(across(value), BOTTOM + 18, words, "middle"));
  const curves = series.map(({ y }, i) => {
    const points = y
      .map(({ value }, p) => [across(x[p].value), up(value)] as const)
      .filter(([, at]) => Number.isFinite(at));
    const path = points.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(" ");
    const marks = points.map(
      ([a, b]) => `<circle cx="${a.toFixed(1)}" cy="${b.toFixed(1)}" r="3" fill="${colour(i)}" />`,
    );
    return `<polyline points="${path}" fill="none" stroke-width="2" ${stroke(i)} />${marks.join("")}`;
  });
  const legend = series.map(({ name }, i) => {
    const top = HEIGHT + 14 + 20 * i;
    return `<line x1="${LEFT}" x2="${LEFT + 32}" y1="${top}" y2="${top}" stroke-width="2" ${stroke(i)} />${text(LEFT + 42, top + 4, name, "start")}`;
  });
  const height = HEIGHT + 8 + 20 * series.length;
  return `<svg viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeHtml(caption)}">
${grid.join("")}${xTicks.join("")}
${text((LEFT + RIGHT) / 2, BOTTOM + 38, xLabel, "middle")}<g transform="rotate(-90)">${text(-(TOP + BOTTOM) / 2, 16, yLabel, "middle")}</g>
${curves.join("\n")}
${legend.join("")}
</svg>`;
}
