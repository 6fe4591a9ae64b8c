/** Line charts as SVG, which sharp converts to PNG. */

export interface Series {
  /** A series without a name is not in the legend. */
  readonly name: string;
  readonly colour: string;
  /** Points in order of x. */
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly dashed?: boolean;
}

export interface ChartOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly width: number;
  readonly height: number;
  readonly series: readonly Series[];
  /** Formats the value at a tick of the y axis. */
  readonly format: (y: number) => string;
  /** The upper corner for the legend, which the curves should leave free. */
  readonly legend: "left" | "right";
}

export const FONT = "font-family='DejaVu Sans, Liberation Sans, Arial, sans-serif'";
const MARGIN = { left: 56, right: 14, top: 30, bottom: 40 };

/** A chart as an SVG group whose upper left corner is the origin. */
export function lineChart({ title, xLabel, width, height, series, format, legend: corner }: ChartOptions): string {
  const points = series.flatMap((one) => one.points);
  const x = axis(
    points.map(([value]) => value),
    MARGIN.left,
    width - MARGIN.right,
  );
  const y = axis(
    points.map(([, value]) => value),
    height - MARGIN.bottom,
    MARGIN.top,
  );
  const grid = y.ticks.map(
    (tick) =>
      `<line x1='${MARGIN.left}' x2='${width - MARGIN.right}' y1='${y.position(tick)}' y2='${y.position(tick)}' stroke='#e4e4e4'/>` +
      text(MARGIN.left - 6, y.position(tick) + 4, format(tick), "end"),
  );
  const xTicks = x.ticks
    .filter(Number.isInteger)
    .map((tick) => text(x.position(tick), height - MARGIN.bottom + 16, String(tick), "middle"));
  const lines = series.map(({ colour, points: own, dashed }) => {
    const path = own.map(([a, b]) => `${x.position(a).toFixed(1)},${y.position(b).toFixed(1)}`).join(" ");
    return `<polyline points='${path}' fill='none' stroke='${colour}' stroke-width='2'${dashed ? " stroke-dasharray='5 4'" : ""}/>`;
  });
  const named = series.filter(({ name }) => name !== "");
  const legend = named.map(({ name, colour, dashed }, i) => {
    const top = MARGIN.top + 8 + 16 * i;
    const left = corner === "left" ? MARGIN.left + 14 : width - MARGIN.right - 150;
    return (
      `<line x1='${left}' x2='${left + 22}' y1='${top}' y2='${top}' stroke='${colour}' stroke-width='2'${dashed ? " stroke-dasharray='5 4'" : ""}/>` +
      text(left + 28, top + 4, name, "start")
    );
  });
  return `<g ${FONT} font-size='11' fill='#333'>
    <text x='${MARGIN.left}' y='18' font-size='13' font-weight='bold'>${escapeXml(title)}</text>
    ${grid.join("")}${xTicks.join("")}${text((MARGIN.left + width) / 2, height - 8, xLabel, "middle")}
    ${lines.join("")}${legend.join("")}
  </g>`;
}

/** Escapes text for SVG, without control characters and U+FFFE and U+FFFF, which XML does not allow. */
export const escapeXml = (words: string): string =>
  words
    .replace(/[\p{Cc}\uFFFE\uFFFF]/gu, "\uFFFD")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end"): string {
  return `<text x='${x.toFixed(1)}' y='${y.toFixed(1)}' text-anchor='${anchor}'>${escapeXml(words)}</text>`;
}

/** A linear axis over some values with about five round ticks. It maps them to pixels `from` .. `to`. */
export function axis(values: readonly number[], from: number, to: number) {
  const low = values.reduce((a, b) => Math.min(a, b), values[0] ?? 0);
  const high = values.reduce((a, b) => Math.max(a, b), low);
  const span = high > low ? high - low : Math.abs(high) || 1;
  const magnitude = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((size) => span / size <= 5) ?? span;
  const first = Math.floor(low / step) * step;
  const last = Math.ceil((low + span) / step) * step;
  const ticks = Array.from({ length: Math.round((last - first) / step) + 1 }, (_, i) => first + i * step);
  return { ticks, position: (value: number) => from + ((value - first) / (last - first)) * (to - from) };
}
