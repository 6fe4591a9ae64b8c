/** The differences of a comparison in sentences. */
import type { ComparedMeasure } from "../../reports.js";

export function Verdict({
  first,
  other,
  measures,
}: {
  readonly first: string;
  readonly other: string;
  readonly measures: readonly ComparedMeasure[];
}) {
  const found = measures.flatMap(({ name, better, arms }) => {
    const difference = arms.find(({ arm }) => arm === other)?.difference;
    if (difference === undefined || difference === null) return [];
    const gain = better === "higher" ? difference.value : -difference.value;
    return [{ name, gain, sure: difference.p < 0.05 }];
  });
  if (found.length === 0) return <p>With one repetition the differences cannot be tested. Compare with more seeds.</p>;
  const list = (which: typeof found) =>
    which.map(({ name, gain }) => `${name} (${(100 * Math.abs(gain)).toFixed(1)} points)`).join(", ");
  const better = found.filter(({ gain, sure }) => sure && gain > 0);
  const worse = found.filter(({ gain, sure }) => sure && gain < 0);
  const unclear = found.filter(({ sure }) => !sure);
  return (
    <>
      {better.length > 0 && (
        <p>
          <b>
            {other} is better than {first}
          </b>{" "}
          in {list(better)}.
        </p>
      )}
      {worse.length > 0 && (
        <p>
          <b>
            {other} is worse than {first}
          </b>{" "}
          in {list(worse)}.
        </p>
      )}
      {unclear.length > 0 && (
        <p>
          {better.length + worse.length === 0 ? (
            <b>
              No difference between {other} and {first} is significant
            </b>
          ) : (
            "Not significant"
          )}{" "}
          at the 5 % level:{" "}
          {unclear
            .map(
              ({ name, gain }) =>
                `${name} (${gain >= 0 ? "better" : "worse"} by ${(100 * Math.abs(gain)).toFixed(1)} points)`,
            )
            .join(", ")}
          . More repetitions may show clear differences.
        </p>
      )}
    </>
  );
}
