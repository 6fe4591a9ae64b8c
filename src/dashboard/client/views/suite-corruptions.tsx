/** The errors of a suite by corruption and severity, as a table of colours for each model. */
import type { SuiteReport } from "../../reports.js";
import { heat, isBright } from "../charts/heat-map.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { percent } from "../format.js";
import { Scale } from "./norms.js";

/** A smaller largest error means that no corruptions were measured. */
const LEAST_ERROR = 0.01;

interface CorruptionsProps extends Pick<SuiteReport, "models"> {
  readonly dark: boolean;
}

export function CorruptionsCard({ models, dark }: CorruptionsProps) {
  const full = Math.max(
    LEAST_ERROR,
    ...models.flatMap(({ errors }) => errors.flatMap(({ bySeverity }) => bySeverity.map((error) => error ?? 0))),
  );
  if (full === LEAST_ERROR) return null;
  return (
    <section class="card" aria-label="Corruptions">
      <div class="bar">
        <h3>Error by corruption and severity</h3>
        <Scale full={full} format={(value) => percent(value, 0)} />
        <span class="gap" />
        <CsvButton
          onClick={() =>
            saveCsv("corruptions", [
              ["model", "corruption", "severity", "error"],
              ...models.flatMap(({ name, errors }) =>
                errors.flatMap(({ corruption, bySeverity }) =>
                  bySeverity.map((error, s) => [name, corruption, s + 1, error]),
                ),
              ),
            ])
          }
        >
          of the corruptions
        </CsvButton>
      </div>
      <div class="maps">
        {models
          .filter(({ errors }) => errors.length > 0)
          .map((model) => (
            <CorruptionMap key={model.name} model={model} full={full} dark={dark} />
          ))}
      </div>
    </section>
  );
}

interface CorruptionMapProps {
  readonly model: SuiteReport["models"][number];
  readonly full: number;
  readonly dark: boolean;
}

function CorruptionMap({ model: { name, errors }, full, dark }: CorruptionMapProps) {
  const severities = errors[0].bySeverity.map((_, i) => i + 1);
  return (
    <div class="scroll">
      <table class="heat">
        <caption>{name}</caption>
        <thead>
          <tr>
            <th scope="col">severity</th>
            {severities.map((severity) => (
              <th key={severity} scope="col">
                {severity}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {errors.map(({ corruption, bySeverity }) => (
            <tr key={corruption}>
              <th scope="row">{corruption.replaceAll("_", " ")}</th>
              {bySeverity.map((error, s) => {
                if (error === undefined || error === null) return <td key={severities[s]} />;
                const colour = heat(error / full, dark);
                return (
                  <td
                    key={severities[s]}
                    style={{ background: `rgb(${colour.join(" ")})`, color: isBright(colour) ? "#16181c" : "#ffffff" }}
                  >
                    {(100 * error).toFixed(0)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
