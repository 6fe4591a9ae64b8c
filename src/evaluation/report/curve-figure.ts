/** Curves of logged values as SVG. Colours come from the style of the page. */
import { axis } from "../../figures/chart.js";
import type { CurveFigure } from "./document.js";
import { escapeHtml } from "./escape.js";
import { stroke, text } from "./svg-parts.js";

const WIDTH = 480;
const LEFT = 66;
const RIGHT = WIDTH - 12;
const TOP = 12;
const BOTTOM = 232;
const LEGEND_ROW = 20;

/** The figure with the names of its curves below. A curve is interrupted where a value is not a number. */
export function curveFigure({ caption, xLabel, yLabel, series, shares = false }: CurveFigure): string {
  const points = series.flatMap((one) => one.points).filter(([, y]) => Number.isFinite(y));
  const x = axis(
    points.map(([value]) => value),
    LEFT,
    RIGHT,
  );
  const y = axis(
    points.map(([, value]) => value),
    BOTTOM,
    TOP,
  );
  const written = tickFormat(shares ? y.ticks.map((tick) => 100 * tick) : y.ticks);
  const grid = y.ticks.map(
    (tick) =>
      `<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${at(y.position(tick))}" y2="${at(y.position(tick))}" />` +
      text(LEFT - 8, y.position(tick) + 4, written(shares ? 100 * tick : tick), "end"),
  );
  // Ticks of epochs and layers are integers.
  const whole = x.ticks.filter(Number.isInteger);
  const shown = whole.length > 1 ? whole : x.ticks;
  const xWritten = tickFormat(shown);
  const xTicks = shown.map((tick) => text(x.position(tick), BOTTOM + 18, xWritten(tick), "middle"));
  const curves = series.map(({ points: own, colour, dash }) => {
    const known = own.filter(([, value]) => Number.isFinite(value));
    const path = known.map(([a, b]) => `${at(x.position(a))},${at(y.position(b))}`).join(" ");
    const [a, b] = known[0] ?? [0, 0];
    // A single point is drawn as a circle.
    return known.length === 1
      ? `<circle cx="${at(x.position(a))}" cy="${at(y.position(b))}" r="3" stroke-width="2" fill="none" ${stroke(colour, 0)} />`
      : `<polyline points="${path}" fill="none" stroke-width="2" stroke-linejoin="round" ${stroke(colour, dash)} />`;
  });
  const legendTop = BOTTOM + 58;
  const legend = series.map(({ name, colour, dash }, i) => {
    const top = legendTop + LEGEND_ROW * i;
    const sample = `<line x1="${LEFT}" x2="${LEFT + 32}" y1="${top}" y2="${top}" stroke-width="2" ${stroke(colour, dash)} />`;
    return sample + text(LEFT + 42, top + 4, name, "start");
  });
  const height = legendTop + LEGEND_ROW * (series.length - 1) + 12;
  return `<svg class="curves" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeHtml(caption)}">
${grid.join("")}${xTicks.join("")}
${text((LEFT + RIGHT) / 2, BOTTOM + 38, xLabel, "middle")}<g transform="rotate(-90)">${text(-(TOP + BOTTOM) / 2, 12, yLabel, "middle")}</g>
${curves.join("\n")}
${legend.join("")}
</svg>`;
}

const at = (value: number): string => value.toFixed(1);

/** Ticks with as many digits as tell them apart. */
function tickFormat(ticks: readonly number[]): (tick: number) => string {
  const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0));
  const largest = Math.max(...ticks.map(Math.abs));
  if (largest >= 1e5 || (largest > 0 && largest < 1e-3)) return (tick) => (tick === 0 ? "0" : tick.toExponential(1));
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return (tick) => (Math.abs(tick) < step / 2 ? 0 : tick).toFixed(digits);
}
