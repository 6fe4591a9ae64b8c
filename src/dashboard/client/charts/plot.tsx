/** The canvas of a chart: it draws the curves, and reports the position of the cursor. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { short } from "../format.js";
import { themed, useDark } from "./colours.js";
import { type Curve, DASHES, type Table } from "./curve.js";

/** Smallest distance of two ticks of the x axis, in pixels. */
const LEAST_SPACE = 50;

/** What a chart draws, and how. */
export interface PlotOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly curves: readonly Curve[];
  readonly format?: (value: number | undefined | null) => string;
  readonly formatX?: (value: number) => string;
  readonly log?: boolean;
  /** The part of the x axis that is shown; undefined for all. */
  readonly zoom?: readonly [number, number];
  readonly onZoom?: (zoom: readonly [number, number] | undefined) => void;
  readonly height?: number;
}

interface PlotProps extends PlotOptions {
  readonly table: Table;
  /** Called with the index in the table under the cursor; undefined if the cursor is outside. */
  readonly onIndex: (index: number | undefined) => void;
  /** Called with the index in the table that the arrow keys have reached. */
  readonly onSpeak: (index: number) => void;
}

export function Plot(props: PlotProps) {
  const { title, xLabel, curves, table, log = false, zoom, height = 230, onSpeak } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const latest = useRef(props);
  latest.current = props;
  const dark = useDark();
  const shape = JSON.stringify([
    curves.map(({ colour, dash, behind, band }) => [colour, dash, !behind, !band]),
    xLabel,
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
    made.redraw(false, true); // the texts of the ticks may change although the scales do not
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
    const index = Math.min(most, Math.max(least, target));
    made.setCursor({ left: made.valToPos(table[0][index], "x"), top: made.over.clientHeight / 2 });
    onSpeak(index);
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
  const { curves, xLabel, log = false, height = 230 } = latest.current;
  const formatX = (value: number) => (latest.current.formatX ?? short)(value);
  const format = (value: number) => (latest.current.format ?? short)(value);
  const [ink, line] = [themed(element, "quiet"), themed(element, "line")];
  const axis = {
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
    font: "12px system-ui, sans-serif",
  };
  // Ticks are as far apart as the longest label needs.
  const space = () =>
    latest.current.table[0].reduce((room, x) => Math.max(room, 7 * formatX(x).length + 14), LEAST_SPACE);
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  curves.forEach(({ colour, dash, behind, band }, i) => {
    const common = { spanGaps: true, points: { show: false } };
    series.push({ ...common, stroke: colour, width: 2, dash: DASHES[dash], points: { show: hasFewPoints } });
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
        space,
        label: xLabel,
        labelSize: 16,
        labelGap: 0,
        labelFont: axis.font,
        values: (_, ticks) => ticks.map(formatX),
      },
      { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : format(tick))) },
    ],
    cursor: {
      // Charts over the same axis share one cursor.
      sync: { key: uPlot.sync(xLabel).key, setSeries: false, scales: ["x", null] },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
    },
    hooks: {
      setCursor: [(plot) => latest.current.onIndex(plot.cursor.idx ?? undefined)],
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

/** Whether to draw the points of a curve: it has few of them, and a single value makes no line. */
const hasFewPoints = (plot: uPlot, series: number): boolean =>
  (plot.data[series] as (number | null)[]).filter((value) => value !== null && value !== undefined).length < 12;
