/** The contents of a report, independent of its form: text, Markdown, HTML and CSV are rendered from the same document. */

/** A number with its text. Tables show the text, and CSV has the number. */
export interface Quantity {
  readonly value: number;
  readonly text: string;
}

/** A cell of a table. */
export type TableCell = string | Quantity;

export interface Table {
  readonly kind: "table";
  readonly caption: string;
  readonly columns: readonly string[];
  /** The first cell names the row. */
  readonly rows: readonly (readonly TableCell[])[];
}

/** A table of numbers that are shaded: the larger the number, the stronger the colour. */
export interface HeatMap {
  readonly kind: "heat map";
  readonly caption: string;
  /** The text of the upper left corner: what the rows are. */
  readonly corner: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly cells: readonly Quantity[] }[];
  /** The value with the strongest colour. Zero has no colour. */
  readonly full: number;
}

/** Curves of shares over a common x axis that starts at zero. The ticks of y are in percent. */
export interface LineFigure {
  readonly kind: "lines";
  readonly caption: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** The same x values for every series, in order. */
  readonly x: readonly Quantity[];
  readonly series: readonly { readonly name: string; readonly y: readonly Quantity[] }[];
  /** The y axis goes from zero to this. */
  readonly full: number;
}

/** Curves with their own points each, such as values that were logged during training. */
export interface CurveFigure {
  readonly kind: "curves";
  readonly caption: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Whether the y values are shares, so that the ticks are in percent. */
  readonly shares?: boolean;
  readonly series: readonly CurveSeries[];
}

export interface CurveSeries {
  readonly name: string;
  /** Sorted by x. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Series with the same number have the same colour, for instance those of one run. */
  readonly colour: number;
  /** Series with the same number have the same dash, for instance those of one route. */
  readonly dash: number;
}

/** Lines of unformatted text. */
export interface Listing {
  readonly kind: "listing";
  readonly caption: string;
  readonly text: string;
}

/** Images in rows and columns. */
export interface PictureGrid {
  readonly kind: "pictures";
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly cells: readonly Picture[] }[];
}

export interface Picture {
  /** Name of its file for a Markdown report, without folder and extension; unique in the document. */
  readonly name: string;
  readonly png: Uint8Array;
  /** Width at which it is shown, in pixels. */
  readonly width: number;
  /** The text below it. */
  readonly note?: string;
}

export type Block =
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "paragraph"; readonly text: string }
  | Table
  | HeatMap
  | LineFigure
  | CurveFigure
  | PictureGrid
  | Listing;

export interface Document {
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** A share in percent: 0.8123 is "81.23". */
export const percent = (value: number, digits = 2): Quantity => ({ value, text: (100 * value).toFixed(digits) });

/** A number with fixed digits. */
export const fixed = (value: number, digits: number): Quantity => ({ value, text: value.toFixed(digits) });

export const textOf = (cell: TableCell): string => (typeof cell === "string" ? cell : cell.text);

/** Whether a column of a table has text without any numbers, so that it is aligned to the left. */
export const isWords = ({ rows }: Pick<Table, "rows">, column: number): boolean =>
  rows.every((row) => typeof row[column] === "string");

/** A number with four significant digits. */
const short = (value: number): Quantity => ({ value, text: String(+value.toPrecision(4)) });

/** The numbers of a figure as a table. Of curves the table has the first, last, lowest and highest values. */
export function tableOf(block: Block): Table | undefined {
  switch (block.kind) {
    case "table":
      return block;
    case "heat map": {
      const { caption, corner, columns, rows } = block;
      return { kind: "table", caption, columns: [corner, ...columns], rows: rows.map((r) => [r.name, ...r.cells]) };
    }
    case "lines": {
      const { caption, xLabel, x, series } = block;
      const rows = series.map(({ name, y }) => [name, ...y]);
      return { kind: "table", caption, columns: [xLabel, ...x.map(({ text }) => text)], rows };
    }
    case "curves": {
      const { caption, series, shares } = block;
      const write = shares ? (value: number) => percent(value) : short;
      const rows = series.map(({ name, points }) => {
        const values = points.map(([, y]) => y).filter(Number.isFinite);
        if (values.length === 0) return [name, "none", "none", "none", "none"];
        const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
        return [name, ...[values[0], values[values.length - 1], low, high].map(write)];
      });
      return { kind: "table", caption, columns: ["", "first", "last", "lowest", "highest"], rows };
    }
    default:
      return undefined;
  }
}
