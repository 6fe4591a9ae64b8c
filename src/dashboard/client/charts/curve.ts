/** Curves, and the table of their values over a common x axis. */
import uPlot from "uplot";

export type Dash = "solid" | "dashed" | "dotted";
export const DASHES: Readonly<Record<Dash, number[] | undefined>> = {
  solid: undefined,
  dashed: [7, 4],
  dotted: [2, 3],
};

export interface Curve {
  readonly label: string;
  readonly colour: string;
  readonly dash: Dash;
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** The values before smoothing, drawn behind the curve. */
  readonly behind?: readonly number[];
  /** The smallest and the largest value at each x, drawn as a band behind the curve. */
  readonly band?: { readonly least: readonly number[]; readonly largest: readonly number[] };
}

/** All x, and then four rows for each curve: see {@link aligned}. */
export type Table = [number[], ...(number | null | undefined)[][]];

/** The table of all x in order, with four rows for each curve: y, the values before smoothing, the smallest and the largest values. */
export function aligned(curves: readonly Curve[]): Table {
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

/** The last known value at an index or before it; by default the last of all. */
export function nearest(values: readonly (number | null | undefined)[], index: number | undefined): number | undefined {
  for (let i = index ?? values.length - 1; i >= 0; i--) {
    const value = values[i];
    if (value !== null && value !== undefined && Number.isFinite(value)) return value;
  }
  return undefined;
}
