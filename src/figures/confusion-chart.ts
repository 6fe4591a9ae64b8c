/** Draws a confusion matrix. */
import sharp from "sharp";
import { escapeXml, FONT } from "./chart.js";

/** Longer class names are shortened to this many characters. */
const NAME_LENGTH = 18;
/** Maximum number of squares along a side. With more classes, several classes share a square. */
const MOST_SQUARES = 200;
/** The side of the matrix in pixels is about `SIDE`. It is smaller where squares would exceed `LARGEST_SQUARE`. */
const SIDE = 1400;
const LARGEST_SQUARE = 44;
/** Squares with at least this side show their count, and squares with at least `WITH_LINE` have a line between them. */
const WITH_COUNT = 22;
const WITH_LINE = 6;
/** Minimum distance between names in pixels. */
const NAME_DISTANCE = 14;
const [LEFT, TOP, RIGHT, BOTTOM] = [150, 150, 110, 20];

type Colour = readonly [red: number, green: number, blue: number];
/** Colours of a full square of right answers, of a full square of wrong answers, and of an empty square. */
const [RIGHT_ANSWERS, WRONG_ANSWERS, GROUND]: readonly Colour[] = [
  [56, 148, 88],
  [176, 84, 64],
  [247, 247, 247],
];

/**
 * The confusion matrix. A row is a true class. Squares are shaded by the square root of their share of the row, so that rare
 * mistakes are visible. Counts are shown where they fit. With more than 200 classes, neighbouring classes share a square. On the
 * diagonal such a square shows the right answers only.
 *
 * @param counts  for each pair that occurs: true class, predicted class (indices into `classes`) and number of images
 * @returns       the bytes of a PNG
 */
export async function confusionPng(
  classes: readonly string[],
  counts: readonly (readonly [label: number, predicted: number, count: number])[],
): Promise<Buffer> {
  const shared = Math.ceil(classes.length / MOST_SQUARES);
  const squares = Math.ceil(classes.length / shared);
  const side = Math.max(1, Math.min(LARGEST_SQUARE, Math.floor(SIDE / squares)));
  const values = squareCounts(squares, shared, counts);
  const size = side * squares;
  const [width, height] = [LEFT + size + RIGHT, TOP + size + BOTTOM];
  const numbers =
    side < WITH_COUNT
      ? []
      : values.map(({ row, column, count, shade }) => {
          const [x, y] = [LEFT + column * side + side / 2, TOP + row * side + side / 2 + 4];
          return `<text x='${x}' y='${y}' text-anchor='middle' fill='${shade > 0.7 ? "white" : "#333"}'>${count}</text>`;
        });
  const fontSize = Math.max(9, Math.min(12, side - 2));
  const each = shared > 1 ? `; each square joins ${shared} x ${shared} classes, from the named ones on` : "";
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' width='${width}' height='${height}'>
    <g ${FONT} font-size='${fontSize}' fill='#333'>
      <text x='12' y='20' font-size='13' font-weight='bold'>True class by row, predicted class by column</text>
      <text x='12' y='38' font-size='12'>${classes.length} classes${each}; shaded by the square root of the row's share</text>
      ${numbers.join("")}${names(classes, shared, squares, side).join("")}
    </g>
  </svg>`;
  const matrix = await sharp(paint(values, squares, side), { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toBuffer();
  return sharp({ create: { width, height, channels: 3, background: "white" } })
    .composite([
      { input: matrix, left: LEFT, top: TOP },
      { input: Buffer.from(svg), left: 0, top: 0 },
    ])
    .png()
    .toBuffer();
}

/** A square that is not empty. */
interface Square {
  readonly row: number;
  readonly column: number;
  readonly count: number;
  /** Square root of the share of the row's images, in [0, 1]. */
  readonly shade: number;
}

function squareCounts(
  squares: number,
  shared: number,
  counts: readonly (readonly [label: number, predicted: number, count: number])[],
): Square[] {
  const images = new Array<number>(squares).fill(0);
  const bySquare = new Map<number, number>();
  for (const [label, predicted, count] of counts) {
    const [row, column] = [Math.floor(label / shared), Math.floor(predicted / shared)];
    images[row] += count;
    // Classes that share a square can be mistaken for each other, which is not a right answer.
    if (row === column && label !== predicted) continue;
    const key = row * squares + column;
    bySquare.set(key, (bySquare.get(key) ?? 0) + count);
  }
  return Array.from(bySquare, ([key, count]) => {
    const [row, column] = [Math.floor(key / squares), key % squares];
    return { row, column, count, shade: Math.sqrt(count / images[row]) };
  });
}

/** (size, size, 3) uint8 */
function paint(values: readonly Square[], squares: number, side: number): Uint8Array {
  const size = squares * side;
  const inner = side >= WITH_LINE ? side - 1 : side;
  const pixels = new Uint8Array(size * size * 3).fill(255);
  const fill = (row: number, column: number, colour: Colour) => {
    for (let y = row * side; y < row * side + inner; y++) {
      for (let x = column * side; x < column * side + inner; x++) pixels.set(colour, (y * size + x) * 3);
    }
  };
  for (let row = 0; row < squares; row++) for (let column = 0; column < squares; column++) fill(row, column, GROUND);
  for (const { row, column, shade } of values) {
    const full = row === column ? RIGHT_ANSWERS : WRONG_ANSWERS;
    const mixed = GROUND.map((ground, c) => Math.round(ground + shade * (full[c] - ground)));
    fill(row, column, mixed as unknown as Colour);
  }
  return pixels;
}

/** The names of the first class of every square, or of every n-th square so that they do not overlap, beside rows and columns. */
function names(classes: readonly string[], shared: number, squares: number, side: number): string[] {
  const step = Math.ceil(NAME_DISTANCE / side);
  const short = (name: string) => escapeXml(name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : name);
  return Array.from({ length: Math.ceil(squares / step) }, (_, n) => {
    const name = short(classes[n * step * shared]);
    const middle = n * step * side + side / 2;
    const above = `translate(${LEFT + middle + 4} ${TOP - 8}) rotate(-55)`;
    const beside = `<text x='${LEFT - 8}' y='${TOP + middle + 4}' text-anchor='end'>${name}</text>`;
    return `${beside}<text transform='${above}'>${name}</text>`;
  });
}
