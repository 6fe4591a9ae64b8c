/** Flattens an image: fine structure goes, the edges of large regions stay. */

/**
 * The mean over the square of side 2 * radius + 1 about each pixel; outside of the image nothing counts. Its cost does
 * not depend on the radius.
 *
 * @param values (H, W)
 */
export function boxMean(values: Float64Array, height: number, width: number, radius: number): Float64Array {
  const rows = new Float64Array(values.length);
  for (let y = 0; y < height; y++) meanAlong(values, rows, y * width, 1, width, radius);
  const result = new Float64Array(values.length);
  for (let x = 0; x < width; x++) meanAlong(rows, result, x, width, height, radius);
  return result;
}

/** Running means of the n values from `first` on, `step` apart. */
function meanAlong(
  source: Float64Array,
  target: Float64Array,
  first: number,
  step: number,
  n: number,
  radius: number,
): void {
  let sum = 0;
  for (let i = 0; i < Math.min(radius, n); i++) sum += source[first + i * step];
  for (let i = 0; i < n; i++) {
    if (i + radius < n) sum += source[first + (i + radius) * step];
    if (i - radius - 1 >= 0) sum -= source[first + (i - radius - 1) * step];
    target[first + i * step] = sum / (Math.min(n - 1, i + radius) - Math.max(0, i - radius) + 1);
  }
}

/**
 * The guided filter of He, Sun and Tang (2013, "Guided image filtering", https://doi.org/10.1109/TPAMI.2012.213): in each square
 * window the values are fitted by a line in the guide, a = cov(guide, values) / (var(guide) + epsilon) and
 * b = mean(values) - a mean(guide), and the result is mean(a) guide + mean(b). Where the guide is flat the values are
 * averaged, where it has an edge they keep it.
 *
 * @param values (H, W)
 * @param guide (H, W)
 * @param epsilon variance below which the guide counts as flat
 */
export function guidedFilter(
  values: Float64Array,
  guide: Float64Array,
  height: number,
  width: number,
  radius: number,
  epsilon: number,
): Float64Array {
  const mean = (of: Float64Array): Float64Array => boxMean(of, height, width, radius);
  const meanGuide = mean(guide);
  const meanValues = mean(values);
  const slope = mean(guide.map((g, i) => g * values[i]));
  const variance = mean(guide.map((g) => g * g));
  const offset = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    slope[i] = (slope[i] - meanGuide[i] * meanValues[i]) / (variance[i] - meanGuide[i] ** 2 + epsilon);
    offset[i] = meanValues[i] - slope[i] * meanGuide[i];
  }
  const meanSlope = mean(slope);
  const meanOffset = mean(offset);
  return guide.map((g, i) => meanSlope[i] * g + meanOffset[i]);
}
