/** The L2 part of Square Attack: Algorithm 3 of Andriushchenko et al. 2020, https://arxiv.org/abs/1912.00049 */
import type { KeyedRandom } from "../../random.js";

interface Shape {
  readonly height: number;
  readonly width: number;
}

/** Number of patches along each side of the first perturbation. */
const GRID = 5;

/** The side of a window: odd, at least 3, and not larger than the image. */
export function largestSide(side: number, { height, width }: Shape): number {
  const rounded = Math.max(3, Math.round(side));
  const odd = rounded % 2 === 1 ? rounded : rounded + 1;
  const most = Math.min(height, width);
  return Math.min(odd, most % 2 === 1 ? most : most - 1);
}

/** Fills the perturbation (H, W, 3) with a grid of 5 x 5 patches of random signs in each channel, not yet scaled. */
export function firstPatches(delta: Float64Array, { height, width }: Shape, draws: KeyedRandom): void {
  const side = Math.floor(Math.min(height, width) / GRID);
  const [rows, columns] = [Math.floor(height / side), Math.floor(width / side)];
  const [top, left] = [Math.floor((height - rows * side) / 2), Math.floor((width - columns * side) / 2)];
  let draw = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const transposed = draws.integer(draw++, 2) === 1;
      for (let channel = 0; channel < 3; channel++) {
        const sign = draws.integer(draw++, 2) === 1 ? 1 : -1;
        eachOf(side, width, top + row * side, left + column * side, channel, (i, r, c) => {
          delta[i] = sign * patch(side, transposed, r, c);
        });
      }
    }
  }
}

/**
 * Moves the perturbation of a random window W2 into another one, W1. In each channel the new content of W1 is
 *
 *   (sign eta + delta_W1 / |delta_W1|), scaled to sqrt(|delta_(W1 and W2 together)|^2 + (epsilon^2 - |delta|^2) / 3),
 *
 * so that W1 gets the norm that W2 loses, and the norm that clipping has left unused.
 */
export function moveWindow(
  delta: Float64Array,
  { height, width }: Shape,
  side: number,
  epsilon: number,
  draws: KeyedRandom,
  query: number,
): void {
  // All eight draws of a block.
  const draw = (j: number, bound: number) => draws.integer(8 * query + j, bound);
  const [top, left] = [draw(0, height - side + 1), draw(1, width - side + 1)];
  const [otherTop, otherLeft] = [draw(2, height - side + 1), draw(3, width - side + 1)];
  const transposed = draw(4, 2) === 1;
  const unused = Math.max(0, epsilon * epsilon - delta.reduce((total, value) => total + value * value, 0));

  for (let channel = 0; channel < 3; channel++) {
    const sign = draw(5 + channel, 2) === 1 ? 1 : -1;
    let own = 0;
    let both = 0;
    eachOf(side, width, top, left, channel, (i) => {
      own += delta[i] * delta[i];
    });
    eachOf(side, width, otherTop, otherLeft, channel, (i, r, c) => {
      const [row, column] = [otherTop + r - top, otherLeft + c - left];
      const shared = row >= 0 && row < side && column >= 0 && column < side;
      if (!shared) both += delta[i] * delta[i];
    });
    both += own;
    const scale = own > 0 ? 1 / Math.sqrt(own) : 0;
    const content = new Float64Array(side * side);
    let squares = 0;
    eachOf(side, width, top, left, channel, (i, r, c) => {
      const value = sign * patch(side, transposed, r, c) + scale * delta[i];
      content[r * side + c] = value;
      squares += value * value;
    });
    const factor = squares > 0 ? Math.sqrt((both + unused / 3) / squares) : 0;
    eachOf(side, width, otherTop, otherLeft, channel, (i) => {
      delta[i] = 0;
    });
    eachOf(side, width, top, left, channel, (i, r, c) => {
      delta[i] = factor * content[r * side + c];
    });
  }
}

/** Calls for each element of a channel's window: its index in (H, W, 3), and its row and column in the window. */
function eachOf(
  side: number,
  width: number,
  top: number,
  left: number,
  channel: number,
  visit: (index: number, row: number, column: number) => void,
): void {
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      visit(((top + row) * width + left + column) * 3 + channel, row, column);
    }
  }
}

const patches = new Map<number, Float64Array>();

/** One element of eta: two rectangles of opposite sign side by side, of Euclidean length 1 together. */
function patch(side: number, transposed: boolean, row: number, column: number): number {
  let values = patches.get(side);
  if (values === undefined) {
    values = makePatch(side);
    patches.set(side, values);
  }
  return values[transposed ? column * side + row : row * side + column];
}

/**
 * eta (equation 2). In each half of the window it is a bump that falls off towards the border: the sum of 1 / (k + 1)^2 over k from the
 * Chebyshev distance to the middle of the half. The lower half is negative. Both halves have the same Euclidean length, and the whole
 * has the length 1.
 */
function makePatch(side: number): Float64Array {
  const values = new Float64Array(side * side);
  const half = Math.floor(side / 2);
  const fill = (top: number, rows: number, sign: number) => {
    const terms = Math.max(Math.floor(rows / 2), Math.floor(side / 2)) + 1;
    const part = new Float64Array(rows * side);
    for (let i = 0; i < part.length; i++) {
      const [row, column] = [Math.floor(i / side), i % side];
      const distance = Math.max(Math.abs(row - Math.floor(rows / 2)), Math.abs(column - Math.floor(side / 2)));
      for (let k = distance; k < terms; k++) part[i] += 1 / (k + 1) ** 2;
    }
    const length = Math.hypot(...part);
    part.forEach((value, i) => {
      values[top * side + i] = (sign * value) / length;
    });
  };
  fill(0, half, 1);
  fill(half, side - half, -1);
  return values.map((value) => value / Math.SQRT2);
}
