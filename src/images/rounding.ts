/** Rounding in the way of programs whose pixels must be reproduced. */

/** Rounds to the nearest integer, halves to the even one, as Python and IEEE 754 do. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
