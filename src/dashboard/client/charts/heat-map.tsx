/** A heat map: a table of numbers on a canvas, for up to thousands of rows and columns. The arrow keys move between cells. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { themed, useDark } from "./colours.js";

export interface HeatMapProps {
  readonly title: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** Value of a cell from 0, drawn as the background, to 1, the strongest colour; null for an empty cell. */
  readonly strength: (row: number, column: number) => number | null;
  /** Text of a cell, drawn if there is room. */
  readonly text?: (row: number, column: number) => string;
  /** A value that changes whenever the values of `strength` change. */
  readonly version: unknown;
  /** Description of a cell. */
  readonly describe: (row: number, column: number) => string;
  /** Largest height and width of a cell, in pixels. */
  readonly most: readonly [height: number, width: number];
  readonly rowsTitle: string;
  readonly columnsTitle: string;
  /** Called with the cell under the pointer, to show details. */
  readonly onCell?: (row: number, column: number) => void;
}

/** Height of a label in pixels. */
const LINE = 14;

export function HeatMap(props: HeatMapProps) {
  const { title, rows, columns, version, describe, rowsTitle, columnsTitle, onCell } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [at, setAt] = useState<readonly [row: number, column: number]>();
  const dark = useDark();
  useEffect(() => {
    const element = box.current!;
    const watch = new ResizeObserver(() => setWidth(element.clientWidth));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  const layout = layoutOf(props, width);
  const cells = useMemo(() => picture(props, dark), [version, dark, rows.length, columns.length]);
  useEffect(() => {
    if (width > 0) draw(canvas.current!, props, { layout, cells, at, dark });
  }, [cells, width, at?.[0], at?.[1]]);

  const point = (row: number, column: number) => {
    if (row < 0 || column < 0 || row >= rows.length || column >= columns.length) return;
    setAt([row, column]);
    onCell?.(row, column);
  };
  const pointer = (event: PointerEvent) => {
    const { left, top } = canvas.current!.getBoundingClientRect();
    point(
      Math.floor((event.clientY - top - layout.top) / layout.cellHeight),
      Math.floor((event.clientX - left - layout.left) / layout.cellWidth),
    );
  };
  const key = (event: KeyboardEvent) => {
    const [row, column] = at ?? [0, 0];
    const far = event.shiftKey ? 10 : 1;
    const target = {
      ArrowUp: [row - far, column],
      ArrowDown: [row + far, column],
      ArrowLeft: [row, column - far],
      ArrowRight: [row, column + far],
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    point(Math.min(rows.length - 1, Math.max(0, target[0])), Math.min(columns.length - 1, Math.max(0, target[1])));
  };
  return (
    <div class="heat-map">
      <div ref={box}>
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: the arrow keys walk through the cells */}
        <canvas
          ref={canvas}
          style={{ width: `${width}px`, height: `${layout.height}px` }}
          tabIndex={0}
          role="application"
          aria-label={`${title}, ${rows.length} ${rowsTitle} by ${columns.length} ${columnsTitle}: arrow keys read the cells`}
          onPointerMove={pointer}
          onPointerDown={pointer}
          onKeyDown={key}
        />
      </div>
      <p class="readout" aria-live="polite">
        {at && at[0] < rows.length && at[1] < columns.length
          ? describe(...at)
          : `Down: ${rowsTitle}. Across: ${columnsTitle}. Point at a cell to read it.`}
      </p>
    </div>
  );
}

interface Layout {
  readonly left: number;
  readonly top: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly height: number;
}

function layoutOf({ rows, columns, most }: HeatMapProps, width: number): Layout {
  const longest = Math.max(0, ...rows.map(({ length }) => length));
  const left = Math.min(0.34 * width, 12 + 6.6 * longest);
  const top = LINE + 6;
  const cellWidth = Math.min(most[1], (width - left) / Math.max(1, columns.length));
  const wanted = Math.min(most[0], Math.max(cellWidth, 620 / Math.max(1, rows.length)));
  const cellHeight = rows.length > 100 ? Math.min(cellWidth, wanted) : wanted;
  return { left, top, cellWidth, cellHeight, height: top + rows.length * cellHeight + 2 };
}

interface Drawn {
  readonly layout: Layout;
  readonly cells: OffscreenCanvas;
  readonly at: readonly [row: number, column: number] | undefined;
  readonly dark: boolean;
}

function draw(
  canvas: HTMLCanvasElement,
  { rows, columns, strength, text }: HeatMapProps,
  { layout, cells, at, dark }: Drawn,
): void {
  const { left, top, cellWidth, cellHeight, height } = layout;
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  context.font = "11.5px system-ui, sans-serif";
  context.fillStyle = themed(canvas, "quiet");
  context.textBaseline = "middle";
  labels(rows, cellHeight, (name, i) => {
    context.textAlign = "right";
    context.fillText(clipped(name, left - 10), left - 6, top + (i + 0.5) * cellHeight);
  });
  const widest = Math.max(8, ...columns.slice(0, 200).map((name) => context.measureText(name).width)) + 8;
  labels(
    columns,
    cellWidth,
    (name, i) => {
      context.textAlign = "center";
      context.fillText(clipped(name, Math.max(widest, cellWidth)), left + (i + 0.5) * cellWidth, LINE / 2 + 1);
    },
    Math.min(widest, 70),
  );
  const [wide, high] = [columns.length * cellWidth, rows.length * cellHeight];
  // If there are more cells than pixels, the strongest cells must stay visible.
  context.imageSmoothingEnabled = cellWidth * ratio < 1 || cellHeight * ratio < 1;
  context.drawImage(cells, left, top, wide, high);
  context.strokeStyle = themed(canvas, "line");
  context.strokeRect(left - 0.5, top - 0.5, wide + 1, high + 1);
  if (text !== undefined && cellWidth >= 26 && cellHeight >= 15) {
    context.textAlign = "center";
    for (let row = 0; row < rows.length; row++) {
      for (let column = 0; column < columns.length; column++) {
        const ink = isBright(heat(strength(row, column) ?? 0, dark)) ? "#16181c" : "#ffffff";
        context.fillStyle = ink;
        context.fillText(text(row, column), left + (column + 0.5) * cellWidth, top + (row + 0.5) * cellHeight);
      }
    }
  }
  if (at === undefined) return;
  context.strokeStyle = themed(canvas, "ink");
  context.lineWidth = 1.5;
  const [w, h] = [Math.max(6, cellWidth), Math.max(6, cellHeight)];
  context.strokeRect(left + (at[1] + 0.5) * cellWidth - w / 2, top + (at[0] + 0.5) * cellHeight - h / 2, w, h);
}

/** Draws as many labels as there is room for. */
function labels(names: readonly string[], space: number, put: (name: string, i: number) => void, needed = LINE): void {
  const every = Math.max(1, Math.ceil(needed / space));
  for (let i = 0; i < names.length; i += every) put(names[i], i);
}

const clipped = (name: string, room: number): string => {
  const most = Math.max(2, Math.floor(room / 6.2));
  return name.length <= most ? name : `${name.slice(0, most - 1)}…`;
};

/** A picture with one pixel per cell. It is drawn once, and only scaled when the cursor moves. */
function picture({ rows, columns, strength }: HeatMapProps, dark: boolean): OffscreenCanvas {
  const canvas = new OffscreenCanvas(Math.max(1, columns.length), Math.max(1, rows.length));
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(canvas.width, canvas.height);
  for (let row = 0; row < rows.length; row++) {
    for (let column = 0; column < columns.length; column++) {
      const value = strength(row, column);
      if (value !== null) image.data.set([...heat(value, dark), 255], 4 * (row * columns.length + column));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/**
 * The colour of a strength: from the background over orange to dark red, or on dark pages to near white. The order is visible in grey too.
 */
export function heat(strength: number, dark: boolean): readonly number[] {
  if (strength <= 0) return GROUND[dark ? 1 : 0];
  const stops = STOPS[dark ? 1 : 0];
  const position = Math.min(1, strength) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(position));
  return stops[i].map((value, channel) => Math.round(value + (position - i) * (stops[i + 1][channel] - value)));
}

/** The backgrounds of light and dark pages. */
const GROUND = [
  [243, 244, 246],
  [34, 38, 45],
] as const;
const STOPS = [
  [GROUND[0], [250, 190, 120], [213, 94, 0], [96, 30, 6]],
  [GROUND[1], [140, 62, 12], [240, 150, 48], [255, 236, 190]],
] as const;

/** Whether dark text is more readable on a colour. */
export const isBright = ([red, green, blue]: readonly number[]): boolean =>
  0.299 * red + 0.587 * green + 0.114 * blue > 140;
