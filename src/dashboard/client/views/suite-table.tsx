/** All measures of a suite, with a column for each model. */
import type { SuiteReport } from "../../reports.js";
import { percent } from "../format.js";

interface SuiteTableProps {
  readonly result: SuiteReport;
  readonly colourOf: (name: string, index: number) => string;
}

export function SuiteTable({ result: { data, models, measures }, colourOf }: SuiteTableProps) {
  return (
    <>
      <div class="scroll">
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">
                {data.images} images of {data.name}
              </th>
              {models.map(({ name }, i) => (
                <th key={name} scope="col" class="number">
                  <span class="swatch" style={{ background: colourOf(name, i) }} /> {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {measures.map(({ name, better, values }) => {
              const best = bestOf(
                values.map((one) => one?.value),
                better,
              );
              return (
                <tr key={name}>
                  <th scope="row">
                    {name} <span title={`${better} is better`}>{better === "higher" ? "↑" : "↓"}</span>
                  </th>
                  {values.map((value, m) => (
                    <td
                      key={models[m].name}
                      class={value !== undefined && value?.value === best ? "number best" : "number"}
                    >
                      {percent(value?.value)} {value && <small>± {(50 * (value.high - value.low)).toFixed(1)}</small>}
                    </td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p class="note">The best value of a row is bold. ± is half the 95 % bootstrap interval over the images.</p>
    </>
  );
}

/** The best of several values; undefined if there are fewer than two. */
function bestOf(values: readonly (number | undefined)[], better: "higher" | "lower"): number | undefined {
  const known = values.filter((value) => value !== undefined && value !== null);
  return known.length < 2 ? undefined : better === "higher" ? Math.max(...known) : Math.min(...known);
}
