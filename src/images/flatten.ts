/** Removes fine structure from an image and keeps the edges of large regions. */

/**
 * The mean over the square of side 2 * radius + 1 around each pixel, without pixels outside of the image. The cost does not
 * depend on the radius.
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

/** Running means of n values from index `first` on, `step` apart. */
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
 * The guided filter of He, Sun and Tang (2013, "Guided image filtering", https://doi.org/10.1109/TPAMI.2012.213). In each square
 * window the values are fitted by a linear function of the guide: a = cov(guide, values) / (var(guide) + epsilon),
 * b = mean(values) - a mean(guide). The result is mean(a) guide + mean(b). So the values are averaged where the guide is
 * flat, and keep the edges of the guide.
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
