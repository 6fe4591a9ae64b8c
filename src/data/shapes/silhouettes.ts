/**
 * The ten silhouettes of the built-in set as signed distances: negative inside, positive outside, 0 on the boundary. All
 * fit into the unit circle around the origin (y points down). Their areas are similar, so that size tells little about the class.
 *
 * The distances to polygons, heart and drop are those of Quilez, "2D distance functions",
 * https://iquilezles.org/articles/distfunctions2d/.
 */

/** Signed distance to a silhouette. */
export type Silhouette = (x: number, y: number) => number;

type Point = readonly [x: number, y: number];

/** Distance to the nearest edge. The sign follows from how many edges a ray to the right crosses. */
function polygon(points: readonly Point[]): Silhouette {
  const n = points.length;
  const xs = Float64Array.from(points, ([x]) => x);
  const ys = Float64Array.from(points, ([, y]) => y);
  return (x, y) => {
    let nearest = Infinity;
    let inside = false;
    for (let i = 0, j = n - 1; i < n; j = i++) {
      const edgeX = xs[j] - xs[i];
      const edgeY = ys[j] - ys[i];
      const toX = x - xs[i];
      const toY = y - ys[i];
      const along = (toX * edgeX + toY * edgeY) / (edgeX * edgeX + edgeY * edgeY);
      const t = along < 0 ? 0 : along > 1 ? 1 : along;
      const offX = toX - edgeX * t;
      const offY = toY - edgeY * t;
      const squared = offX * offX + offY * offY;
      if (squared < nearest) nearest = squared;
      if (ys[i] > y !== ys[j] > y && x < xs[i] + ((y - ys[i]) * edgeX) / edgeY) inside = !inside;
    }
    return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
  };
}

/** `n` points on a circle, the first at the top. */
function onCircle(n: number, radius: (i: number) => number): Point[] {
  return Array.from({ length: n }, (_, i) => {
    const angle = (2 * Math.PI * i) / n - Math.PI / 2;
    return [radius(i) * Math.cos(angle), radius(i) * Math.sin(angle)];
  });
}

function circle(x: number, y: number, radius: number): number {
  return Math.sqrt(x * x + y * y) - radius;
}

/** A heart of height 1 with its tip at the origin, pointing down. */
function unitHeart(x: number, up: number): number {
  const side = Math.abs(x);
  if (side + up > 1) return circle(side - 0.25, up - 0.75, Math.SQRT2 / 4);
  const top = side * side + (up - 1) ** 2;
  const foot = 0.5 * Math.max(side + up, 0);
  const flank = (side - foot) ** 2 + (up - foot) ** 2;
  return Math.sqrt(Math.min(top, flank)) * Math.sign(side - up);
}

/** A circle of this radius around the origin, with the tangents to it from a point `length` above. */
function unitDrop(x: number, up: number, radius: number, length: number): number {
  const side = Math.abs(x);
  const sine = radius / length;
  const cosine = Math.sqrt(1 - sine * sine);
  const along = cosine * up - sine * side;
  if (along < 0) return circle(side, up, radius);
  if (along > cosine * length) return circle(side, up - length, 0);
  return side * cosine + up * sine - radius;
}

/** By class name, in the order of the labels. */
export const SILHOUETTES: Readonly<Record<string, Silhouette>> = {
  circle: (x, y) => circle(x, y, 0.74),
  square: polygon([
    [-0.65, -0.65],
    [0.65, -0.65],
    [0.65, 0.65],
    [-0.65, 0.65],
  ]),
  triangle: polygon(onCircle(3, () => 1)),
  star: polygon(onCircle(10, (i) => (i % 2 === 0 ? 1 : 0.47))),
  heart: (x, y) => 1.42 * unitHeart(x / 1.42, (0.86 - y) / 1.42),
  crescent: (x, y) => Math.max(circle(x + 0.06, y, 0.92), -circle(x - 0.38, y, 0.72)),
  cross: polygon([
    [-0.28, -0.87],
    [0.28, -0.87],
    [0.28, -0.28],
    [0.87, -0.28],
    [0.87, 0.28],
    [0.28, 0.28],
    [0.28, 0.87],
    [-0.28, 0.87],
    [-0.28, 0.28],
    [-0.87, 0.28],
    [-0.87, -0.28],
    [-0.28, -0.28],
  ]),
  arrow: polygon([
    [0, -0.98],
    [0.78, -0.08],
    [0.34, -0.08],
    [0.34, 0.88],
    [-0.34, 0.88],
    [-0.34, -0.08],
    [-0.78, -0.08],
  ]),
  ring: (x, y) => Math.abs(circle(x, y, 0.62)) - 0.22,
  drop: (x, y) => unitDrop(x, 0.33 - y, 0.62, 1.32),
};
