/** Edges of 8-bit grey images and the distance to them, as OpenCV computes them. */

/** tan(22.5 degrees) in 15 fraction bits. */
const TAN_22 = Math.floor(0.4142135623730951 * 32768 + 0.5);

/**
 * Canny's edge detector (1986, "A computational approach to edge detection", https://doi.org/10.1109/TPAMI.1986.4767851)
 * with the 3 x 3 Sobel operator (border repeated), the magnitude |dx| + |dy| and hysteresis over 8 neighbours.
 *
 * @returns (H, W) 1 on an edge, 0 elsewhere
 */
export function cannyEdges(grey: Uint8Array, height: number, width: number, low: number, high: number): Uint8Array {
  const { dx, dy } = sobel(grey, height, width);
  // A frame of zeros around the magnitudes makes bounds checks unnecessary.
  const stride = width + 2;
  const magnitude = new Int32Array((height + 2) * stride);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      magnitude[(y + 1) * stride + x + 1] = Math.abs(dx[y * width + x]) + Math.abs(dy[y * width + x]);
    }
  }
  const candidate = new Uint8Array(magnitude.length);
  const edges: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y + 1) * stride + x + 1;
      if (magnitude[at] <= low || !isRidge(magnitude, at, stride, dx[y * width + x], dy[y * width + x])) continue;
      candidate[at] = 1;
      if (magnitude[at] > high) {
        candidate[at] = 2;
        edges.push(at);
      }
    }
  }
  const neighbours = [-stride - 1, -stride, -stride + 1, -1, 1, stride - 1, stride, stride + 1];
  for (let at = edges.pop(); at !== undefined; at = edges.pop()) {
    for (const offset of neighbours) {
      if (candidate[at + offset] !== 1) continue;
      candidate[at + offset] = 2;
      edges.push(at + offset);
    }
  }
  const result = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) result[y * width + x] = candidate[(y + 1) * stride + x + 1] >> 1;
  }
  return result;
}

/** Whether a magnitude is a maximum across the edge. The direction of the edge is rounded to one of four. */
function isRidge(magnitude: Int32Array, at: number, stride: number, dx: number, dy: number): boolean {
  const m = magnitude[at];
  const x = Math.abs(dx);
  const y = Math.abs(dy) * 32768;
  const flat = x * TAN_22;
  if (y < flat) return m > magnitude[at - 1] && m >= magnitude[at + 1];
  if (y > flat + x * 65536) return m > magnitude[at - stride] && m >= magnitude[at + stride];
  const side = dx < 0 !== dy < 0 ? -1 : 1;
  return m > magnitude[at - stride - side] && m > magnitude[at + stride + side];
}

function sobel(grey: Uint8Array, height: number, width: number): { dx: Int32Array; dy: Int32Array } {
  const dx = new Int32Array(grey.length);
  const dy = new Int32Array(grey.length);
  for (let y = 0; y < height; y++) {
    const above = Math.max(0, y - 1) * width;
    const here = y * width;
    const below = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) {
      const left = Math.max(0, x - 1);
      const right = Math.min(width - 1, x + 1);
      const corners = grey[below + right] - grey[above + left];
      const others = grey[above + right] - grey[below + left];
      dx[here + x] = corners + others + 2 * (grey[here + right] - grey[here + left]);
      dy[here + x] = corners - others + 2 * (grey[below + x] - grey[above + x]);
    }
  }
  return { dx, dy };
}

/** Lengths of the longer steps, as OpenCV rounds them. */
const DIAGONAL = Math.round(1.4 * 65536) / 65536;
const KNIGHT = Math.round(2.1969 * 65536) / 65536;

/**
 * Distance of every pixel to the nearest marked one. It is the length of the shortest path of steps of 1 (side), 1.4
 * (diagonal) and 2.1969 (knight's move), each with 16 fraction bits. This is the 5 x 5 chamfer distance of Borgefors (1986,
 * "Distance transformations in digital images", https://doi.org/10.1016/S0734-189X(86)80047-0). Infinite where nothing is
 * marked.
 */
export function chamferDistance(marked: Uint8Array, height: number, width: number): Float64Array {
  const frame = 2;
  const stride = width + 2 * frame;
  const distance = new Float64Array((height + 2 * frame) * stride).fill(Infinity);
  const steps: readonly (readonly [number, number])[] = [
    [-1, 1],
    [-stride, 1],
    [-stride - 1, DIAGONAL],
    [-stride + 1, DIAGONAL],
    [-stride - 2, KNIGHT],
    [-stride + 2, KNIGHT],
    [-2 * stride - 1, KNIGHT],
    [-2 * stride + 1, KNIGHT],
  ];
  const relax = (at: number, sign: number): void => {
    let least = distance[at];
    for (const [offset, length] of steps) least = Math.min(least, distance[at + sign * offset] + length);
    distance[at] = least;
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y + frame) * stride + x + frame;
      if (marked[y * width + x]) distance[at] = 0;
      else relax(at, 1);
    }
  }
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--) relax((y + frame) * stride + x + frame, -1);
  }
  const result = new Float64Array(height * width);
  for (let y = 0; y < height; y++) {
    result.set(distance.subarray((y + frame) * stride + frame, (y + frame) * stride + frame + width), y * width);
  }
  return result;
}
