/** Pearson's correlation of the edge maps of two images: the Sobel magnitude of their luminance. */
export function edgeCorrelation(a, b, height, width) {
  const [x, y] = [sobelMagnitude(a, height, width), sobelMagnitude(b, height, width)];
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let i = 0; i < x.length; i++) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) ** 2;
    yy += (y[i] - my) ** 2;
  }
  return xx * yy === 0 ? 0 : xy / Math.sqrt(xx * yy);
}

/** sqrt(gx^2 + gy^2) of the 3 x 3 Sobel operator, the border pixels repeated. */
function sobelMagnitude(pixels, height, width) {
  const luminance = Float64Array.from(
    { length: height * width },
    (_, i) => 0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2],
  );
  const at = (y, x) => luminance[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))];
  return Float64Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    const along = (dy, dx) => at(y + dy - dx, x + dx + dy) + 2 * at(y + dy, x + dx) + at(y + dy + dx, x + dx - dy);
    return Math.hypot(along(0, 1) - along(0, -1), along(1, 0) - along(-1, 0));
  });
}
