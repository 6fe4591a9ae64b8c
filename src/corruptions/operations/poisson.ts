/** Poisson numbers by inversion. */

/** Cumulative probabilities of one Poisson distribution: entry k is P(X <= first + k). */
interface Cumulative {
  readonly first: number;
  readonly probabilities: Float64Array;
}

/** Draws from Poisson distributions whose means are multiples of one unit. Keeps the table of every mean drawn from. */
export class PoissonTables {
  readonly #unit: number;
  readonly #tables = new Map<number, Cumulative>();

  constructor(unit: number) {
    this.#unit = unit;
  }

  /**
   * The least k with P(X <= k) > u, where X has the mean multiple * unit.
   *
   * @param u uniform in [0, 1)
   */
  draw(multiple: number, u: number): number {
    let table = this.#tables.get(multiple);
    if (table === undefined) {
      table = cumulative(multiple * this.#unit);
      this.#tables.set(multiple, table);
    }
    const { first, probabilities } = table;
    let low = 0;
    let high = probabilities.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (probabilities[middle] > u) high = middle;
      else low = middle + 1;
    }
    return first + low;
  }
}

/** P(X <= k) from P(X = k) = exp(-mean) mean^k / k!, over the range of k where the probability matters (2^-24). */
function cumulative(mean: number): Cumulative {
  const reach = 8 * Math.sqrt(mean) + 12;
  const first = Math.max(0, Math.floor(mean - reach));
  const last = Math.ceil(mean + reach);
  let logFactorial = 0;
  for (let k = 2; k <= first; k++) logFactorial += Math.log(k);
  const probabilities = new Float64Array(last - first + 1);
  let sum = 0;
  for (let k = first; k <= last; k++) {
    if (k > first) logFactorial += Math.log(k);
    sum += mean > 0 ? Math.exp(k * Math.log(mean) - mean - logFactorial) : Number(k === 0);
    probabilities[k - first] = sum;
  }
  return { first, probabilities };
}
