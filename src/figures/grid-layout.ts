/** The layout of a picture of `gridPng`: rows of equal squares with a gap around each. */

export interface GridLayout {
  /** The factor by which each pixel is enlarged, and the width of the gaps. */
  readonly zoom: number;
  /** Side of an image before it is enlarged, in pixels. */
  readonly side: number;
  /** Side of an enlarged image and one gap. */
  readonly cell: number;
  readonly columns: number;
}

/** The factors of the pictures of runs. Only one of them fits a picture of three rows. */
const ZOOMS = [3, 1];

/** The layout of a picture of a run by its size in pixels; undefined for any other picture. */
export function gridLayout(width: number, height: number, rows: number): GridLayout | undefined {
  return ZOOMS.map((zoom) => {
    const cell = (height - zoom) / rows;
    return { zoom, side: (cell - zoom) / zoom, cell, columns: (width - zoom) / cell };
  }).find(({ side, columns }) => Number.isInteger(side) && side >= 1 && Number.isInteger(columns) && columns >= 1);
}
