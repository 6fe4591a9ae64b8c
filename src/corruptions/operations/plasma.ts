/** Cloudy height maps by midpoint displacement. */

import type { Draws } from "../draws.js";

/**
 * A map by the diamond-square algorithm (Fournier, Fussell and Carpenter 1982, "Computer rendering of stochastic models",
 * https://doi.org/10.1145/358523.358553) that repeats at its borders, scaled to [0, 1].
 *
 * A new value is the mean of its four neighbours plus w * u, where u is uniform in [-w, w). So the amplitude is the *square*
 * of the wobble w. The wobble is 100 at first and is divided by `decay` after every level.
 *
 * @param side a power of two
 * @returns (side, side)
 */
export function plasma(side: number, decay: number, draws: Draws): Float64Array {
  const map = new Float64Array(side * side);
  const at = (row: number, column: number): number => map[(row % side) * side + (column % side)];
  let wobble = 100;
  for (let step = side; step >= 2; step /= 2) {
    const half = step / 2;
    const displaced = (sum: number): number => sum / 4 + wobble * draws.uniform(-wobble, wobble);
    // First the centre of every square from its corners. Then the centres of the diamonds, starting with those on the rows.
    for (let y = 0; y < side; y += step) {
      for (let x = 0; x < side; x += step) {
        const corners = at(y, x) + at(y + step, x) + at(y, x + step) + at(y + step, x + step);
        map[(y + half) * side + x + half] = displaced(corners);
      }
    }
    for (let y = 0; y < side; y += step) {
      for (let x = 0; x < side; x += step) {
        const middles = at(y + half, x + half) + at(y + side - half, x + half);
        map[y * side + x + half] = displaced(middles + at(y, x) + at(y, x + step));
      }
    }
    for (let y = 0; y < side; y += step) {
      for (let x = 0; x < side; x += step) {
        const middles = at(y + half, x + half) + at(y + half, x + side - half);
        map[(y + half) * side + x] = displaced(middles + at(y, x) + at(y + step, x));
      }
    }
    wobble /= decay;
  }
  let least = Infinity;
  let most = -Infinity;
  for (const value of map) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return map.map((value) => (value - least) / (most - least));
}
