/** Curves on a canvas, with their values in a table below, which a screen reader reads and which follows the cursor. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { short } from "../format.js";
import { themed, useDark } from "./colours.js";

export type Dash = "solid" | "dashed" | "dotted";
const DASHES: Readonly<Record<Dash, number[] | undefined>> = { solid: undefined, dashed: [7, 4], dotted: [2, 3] };

export interface Curve {
  readonly label: string;
  readonly colour: string;
  readonly dash: Dash;
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Drawn behind: the values before smoothing. */
  readonly behind?: readonly number[];
  /** Drawn behind: the least and the largest value at each place. */
  readonly band?: { readonly least: readonly number[]; readonly largest: readonly number[] };
}

export interface ChartProps {
  readonly title: string;
  /** What one should know to read it. */
  readonly note?: string;
  readonly xLabel: string;
  readonly curves: readonly Curve[];
  readonly format?: (value: number | undefined | null) => string;
  readonly formatX?: (value: number) => string;
  readonly log?: boolean;
  /** The part of the x axis that is shown; undefined for all. */
  readonly zoom?: readonly [number, number];
  readonly onZoom?: (zoom: readonly [number, number] | undefined) => void;
  /** Where all values are to be had; by default what is shown is saved. */
  readonly csv?: string;
  readonly height?: number;
}

export function Chart(props: ChartProps) {
  const { title, note, xLabel, curves, format = short, formatX = short, csv } = props;
  const [place, setPlace] = useState<number>();
  const [spoken, setSpoken] = useState("");
  const table = useMemo(() => aligned(curves), [curves]);
  const at = place === undefined ? undefined : table[0][place];
  const newest = (i: number) => nearest(table[1 + 4 * i] as (number | null)[], place);
  const speak = (where: number) =>
    setSpoken(
      `${xLabel} ${formatX(table[0][where])}: ${curves.map(({ label }, i) => `${label} ${format(nearest(table[1 + 4 * i] as (number | null)[], where))}`).join(", ")}`,
    );
  return (
    <figure class="chart card">
      <figcaption>
        <h3>{title}</h3>
        {csv === undefined ? (
          <CsvButton onClick={() => saveCsv(title, csvLines(xLabel, curves))}>of {title}</CsvButton>
        ) : (
          <a class="quiet" href={csv} download>
            CSV<span class="unseen"> of {title}</span>
          </a>
        )}
      </figcaption>
      {note && <p class="note">{note}</p>}
      <Plot {...props} table={table} onPlace={setPlace} onSpeak={speak} />
      <table class="legend">
        <thead>
          <tr>
            <th scope="col">
              {at === undefined ? (
                <span>newest{curves.some(({ behind }) => behind) ? ", smoothed" : ""}</span>
              ) : (
                <span>
                  at {xLabel} {formatX(at)}
                </span>
              )}
            </th>
            <th scope="col" class="unseen">
              value
            </th>
          </tr>
        </thead>
        <tbody>
          {curves.map((curve, i) => (
            <tr key={`${curve.label} ${i}`}>
              <th scope="row">
                <LineSample colour={curve.colour} dash={curve.dash} /> {curve.label}
              </th>
              <td>{format(newest(i))}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="unseen" aria-live="polite">
        {spoken}
      </p>
    </figure>
  );
}

export function LineSample({ colour, dash }: { readonly colour: string; readonly dash: Dash }) {
  return (
    <svg class="sample" width="26" height="8" aria-hidden="true">
      <line
        x1="1"
        y1="4"
        x2="25"
        y2="4"
        stroke={colour}
        stroke-width="2.5"
        stroke-dasharray={DASHES[dash]?.join(" ")}
      />
    </svg>
  );
}

type Table = [number[], ...(number | null | undefined)[][]];

/** All x in order, and of each curve: y, what is behind, least, largest. */
function aligned(curves: readonly Curve[]): Table {
  if (curves.length === 0) return [[]];
  const none = (x: readonly number[]) => x.map(() => null);
  const tables = curves.map(({ x, y, behind, band }) => [
    [...x],
    [...y],
    behind ? [...behind] : none(x),
    band ? [...band.least] : none(x),
    band ? [...band.largest] : none(x),
  ]);
  return uPlot.join(tables as unknown as uPlot.AlignedData[]) as Table;
}

/** The last value at a place or before it; the last of all without a place. */
function nearest(values: readonly (number | null | undefined)[], place: number | undefined): number | undefined {
  for (let i = place ?? values.length - 1; i >= 0; i--) {
    const value = values[i];
    if (value !== null && value !== undefined && Number.isFinite(value)) return value;
  }
  return undefined;
}

const csvLines = (xLabel: string, curves: readonly Curve[]) => [
  ["curve", xLabel, "value"],
  ...curves.flatMap(({ label, x, y }) => x.map((place, i) => [label, place, y[i]])),
];

interface PlotProps extends ChartProps {
  readonly table: Table;
  readonly onPlace: (place: number | undefined) => void;
  readonly onSpeak: (place: number) => void;
}

function Plot(props: PlotProps) {
  const { title, curves, table, log = false, zoom, height = 230, onSpeak } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const latest = useRef(props);
  latest.current = props;
  const dark = useDark();
  const shape = JSON.stringify([
    curves.map(({ colour, dash, behind, band }) => [colour, dash, !behind, !band]),
    log,
    dark,
    height,
  ]);

  useEffect(() => {
    const element = box.current!;
    const made = new uPlot(options(latest, element, dark), latest.current.table as uPlot.AlignedData, element);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, [shape]);
  useEffect(() => {
    const made = plot.current as uPlot;
    if (made.data !== (table as unknown)) made.setData(table as uPlot.AlignedData, false);
    const all = table[0];
    const [min, max] = zoom ?? [all[0] ?? 0, all.at(-1) ?? 1];
    made.setScale("x", { min, max: max > min ? max : min + 1 });
  }, [table, shape, zoom?.[0], zoom?.[1]]);

  const move = (event: KeyboardEvent) => {
    const made = plot.current as uPlot;
    const last = table[0].length - 1;
    const now = made.cursor.idx ?? last;
    const [least, most] = zoom === undefined ? [0, last] : [made.valToIdx(zoom[0]), made.valToIdx(zoom[1])];
    const target = {
      ArrowLeft: now - (event.shiftKey ? 10 : 1),
      ArrowRight: now + (event.shiftKey ? 10 : 1),
      Home: least,
      End: most,
    }[event.key];
    if (target === undefined || last < 0) return;
    event.preventDefault();
    const place = Math.min(most, Math.max(least, target));
    made.setCursor({ left: made.valToPos(table[0][place], "x"), top: made.over.clientHeight / 2 });
    onSpeak(place);
  };
  return (
    <div
      ref={box}
      class="plot"
      role="application"
      aria-label={`${title}: arrow keys read the values`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move the cursor
      tabIndex={0}
      onKeyDown={move}
    />
  );
}

function options(latest: { readonly current: PlotProps }, element: HTMLElement, dark: boolean): uPlot.Options {
  const { curves, log = false, height = 230, format = short, formatX = short } = latest.current;
  const [ink, line] = [themed(element, "quiet"), themed(element, "line")];
  const axis = {
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
    font: "12px system-ui, sans-serif",
  };
  // As far apart as the longest label needs.
  const longest = Math.max(...latest.current.table[0].map((x) => formatX(x).length), 0);
  const room = Math.max(50, 7 * longest + 14);
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  curves.forEach(({ colour, dash, behind, band }, i) => {
    const common = { spanGaps: true, points: { show: false } };
    series.push({ ...common, stroke: colour, width: 2, dash: DASHES[dash], points: { show: single } });
    series.push({ ...common, stroke: `${colour}${dark ? "55" : "44"}`, width: 1, show: behind !== undefined });
    series.push({ ...common, show: band !== undefined }, { ...common, show: band !== undefined });
    if (band !== undefined) bands.push({ series: [4 * i + 4, 4 * i + 3], fill: `${colour}${dark ? "33" : "22"}` });
  });
  return {
    width: element.clientWidth,
    height,
    padding: [12, 12, 0, 0],
    legend: { show: false },
    series,
    bands,
    scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
    axes: [
      {
        ...axis,
        size: 28,
        space: room,
        label: latest.current.xLabel,
        labelSize: 16,
        labelGap: 0,
        labelFont: axis.font,
        values: (_, ticks) => ticks.map(formatX),
      },
      { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : format(tick))) },
    ],
    cursor: {
      // Charts over the same axis share one cursor.
      sync: { key: uPlot.sync(latest.current.xLabel).key, setSeries: false, scales: ["x", null] },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
    },
    hooks: {
      setCursor: [(plot) => latest.current.onPlace(plot.cursor.idx ?? undefined)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          latest.current.onZoom?.([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
      ready: [(plot) => plot.over.addEventListener("dblclick", () => latest.current.onZoom?.(undefined))],
    },
  };
}

/** A point is drawn where a curve has no more than a few: one value alone makes no line. */
const single = (plot: uPlot, series: number): boolean =>
  (plot.data[series] as (number | null)[]).filter((value) => value !== null && value !== undefined).length < 12;
