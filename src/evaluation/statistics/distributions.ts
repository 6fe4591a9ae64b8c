/** The distributions for statistical tests, accurate to seven digits or more. */

/** P(X <= x) of the standard normal. */
function normalCdf(x: number): number {
  const tail = upperTail(Math.abs(x));
  return x < 0 ? tail : 1 - tail;
}

/** P(X > x) of the chi-square distribution with one degree of freedom: the two tails of the normal. */
export const chiSquareTail = (x: number): number => 2 * upperTail(Math.sqrt(x));

/** P(Z > x) for x >= 0: by the series of the cumulative function near zero, by Laplace's continued fraction for larger x. */
function upperTail(x: number): number {
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  if (x < 3) {
    let term = x;
    let sum = x;
    for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && k < 200; k++) {
      term *= (x * x) / (2 * k + 1);
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = 0;
  for (let k = 60; k >= 1; k--) fraction = k / (x + fraction);
  return density / (x + fraction);
}

/** P(X <= k) of the binomial with n trials of probability 1/2. */
export function fairBinomialCdf(k: number, n: number): number {
  let term = 0.5 ** n;
  let sum = term;
  for (let i = 1; i <= k; i++) {
    term *= (n - i + 1) / i;
    sum += term;
  }
  return sum;
}

const NODES = 2000;

/**
 * P(T > t) of Student's t with `degrees` of freedom and noncentrality `shift`: the mean over s = sqrt(chi2 / degrees) of
 * P(Z > t s - shift), by Simpson's rule.
 *
 * @param degrees a positive integer
 */
export function studentTail(t: number, degrees: number, shift = 0): number {
  // The density of s is proportional to s^(v-1) exp(-v s^2 / 2). Its normalising constant is summed in the same loop.
  const reach = 12 / Math.sqrt(2 * degrees);
  const from = Math.max(0, 1 - reach);
  const step = (1 + reach - from) / NODES;
  let mass = 0;
  let tail = 0;
  for (let i = 0; i <= NODES; i++) {
    const s = from + i * step;
    const logDensity = (degrees - 1) * Math.log(s) - (degrees * (s * s - 1)) / 2;
    const density = s === 0 ? Number(degrees === 1) * Math.exp(0.5) : Math.exp(logDensity);
    const weight = (i === 0 || i === NODES ? 1 : i % 2 === 1 ? 4 : 2) * density;
    mass += weight;
    tail += weight * normalCdf(shift - t * s);
  }
  return tail / mass;
}

/** The t that Student's t with `degrees` of freedom exceeds with probability `tail`, in (0, 1/2). */
export function studentQuantile(tail: number, degrees: number): number {
  return bisect((t) => tail - studentTail(t, degrees), 0, 1);
}

/** The root of an increasing function at or above `low`. `high` is doubled until it is above the root. */
export function bisect(increasing: (x: number) => number, low: number, high: number): number {
  let above = high;
  while (increasing(above) < 0) above *= 2;
  let below = low;
  for (let i = 0; i < 60; i++) {
    const middle = (below + above) / 2;
    if (increasing(middle) < 0) below = middle;
    else above = middle;
  }
  return (below + above) / 2;
}
