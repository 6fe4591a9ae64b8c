/** Short texts about attacks. */

/** A radius as it is usually written: "4/255", and in the L2 norm "0.5 (l2)". */
export const radiusText = (epsilon: number, norm: unknown): string =>
  norm === "l2" ? `${+epsilon.toPrecision(6)} (l2)` : `${+(255 * epsilon).toFixed(2)}/255`;

/** An attack of an evaluation, such as "pgd 4/255". Its values may be missing, because the file may be of another version. */
export function attackText({ name, epsilon, norm }: Readonly<Record<string, unknown>>): string {
  const known = typeof name === "string" ? name : "attack";
  return typeof epsilon === "number" ? `${known} ${radiusText(epsilon, norm)}` : known;
}
