/** All measures of a suite, with a column for each model. */
import { percent } from "../format.js";
import type { ShownSuite } from "./own-suites.js";

interface SuiteTableProps {
  readonly result: ShownSuite;
  readonly colourOf: (name: string, index: number) => string;
}

export function SuiteTable({ result: { data, dataOf, models, measures }, colourOf }: SuiteTableProps) {
  return (
    <>
      <div class="scroll">
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">{dataOf === undefined && imagesOf(data)}</th>
              {models.map(({ name }, i) => (
                <th key={name} scope="col" class="number">
                  <span class="swatch" style={{ background: colourOf(name, i) }} /> {name}
                  {dataOf && <small> {imagesOf(dataOf[i])}</small>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {measures.map(({ name, better, values }) => {
              const best = dataOf === undefined ? bestOf(values, better) : undefined;
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
      <p class="note">
        {dataOf === undefined
          ? "The best value of a row is bold."
          : "The models were measured on different images, so that their values cannot be compared."}{" "}
        ± is half the 95 % bootstrap interval over the images.
      </p>
    </>
  );
}

const imagesOf = ({ images, name }: ShownSuite["data"]): string => `${images} images of ${name}`;

type Measure = ShownSuite["measures"][number];

/** The best of several values; undefined if there are fewer than two. */
function bestOf(values: Measure["values"], better: Measure["better"]): number | undefined {
  const known = values.flatMap((one) => one?.value ?? []);
  return known.length < 2 ? undefined : better === "higher" ? Math.max(...known) : Math.min(...known);
}
