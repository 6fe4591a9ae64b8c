/** The chosen runs grouped by method, network and data, to compare methods. */

import type { RunSummary } from "../../wire.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { duration, NONE, percent } from "../format.js";

const SCORES = [
  ["Validation", ({ best, validation }: RunSummary) => best ?? validation],
  ["Test", ({ clean }: RunSummary) => clean],
  ["Attacked", ({ robust }: RunSummary) => robust],
] as const;

interface Group {
  readonly name: readonly [method: string, model: string, data: string];
  readonly runs: readonly RunSummary[];
}

/** Mean and standard deviation over the runs of each method; nothing if there is only one method. */
export function ByMethod({ chosen }: { readonly chosen: readonly RunSummary[] }) {
  const groups = groupsOf(chosen);
  if (groups.length < 2) return null;
  const save = () =>
    saveCsv("methods", [
      ["method", "network", "data", "runs", ...SCORES.flatMap(([name]) => [name, `${name} deviation`])],
      ...groups.map(({ name, runs }) => [
        ...name,
        runs.length,
        ...SCORES.flatMap(([, score]) => {
          const { mean, deviation } = spread(runs, score);
          return [mean, deviation];
        }),
      ]),
    ]);
  return (
    <section class="card" aria-label="By method">
      <div class="bar">
        <h3>The chosen runs by method</h3>
        <span class="gap" />
        <CsvButton onClick={save}>by method</CsvButton>
      </div>
      <div class="scroll">
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">Method</th>
              <th scope="col">Network</th>
              <th scope="col">Data</th>
              <th scope="col" class="number">
                Runs
              </th>
              {SCORES.map(([name]) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
              <th scope="col" class="number">
                Time per epoch
              </th>
            </tr>
          </thead>
          <tbody>
            {groups.map(({ name, runs }) => (
              <tr key={name.join()}>
                <th scope="row">{name[0]}</th>
                <td>{name[1]}</td>
                <td>{name[2]}</td>
                <td class="number">{runs.length}</td>
                {SCORES.map(([title, score]) => {
                  const { mean, deviation } = spread(runs, score);
                  return (
                    <td key={title} class="number">
                      {percent(mean)} {deviation !== undefined && <small>± {(100 * deviation).toFixed(1)}</small>}
                    </td>
                  );
                })}
                <td class="number">{duration(spread(runs, ({ secondsPerEpoch }) => secondsPerEpoch).mean)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="note">
        Mean ± standard deviation over the runs. A difference as small as the deviations may be chance;{" "}
        <code>advprop compare</code> tests this.
      </p>
    </section>
  );
}

function groupsOf(runs: readonly RunSummary[]): Group[] {
  const groups = new Map<string, { name: Group["name"]; runs: RunSummary[] }>();
  for (const run of runs) {
    const name = [run.method ?? NONE, run.model ?? NONE, run.data ?? NONE] as const;
    const group = groups.get(name.join()) ?? { name, runs: [] };
    groups.set(name.join(), group);
    group.runs.push(run);
  }
  return [...groups.values()];
}

/** Mean and sample standard deviation (divisor count - 1). */
function spread(runs: readonly RunSummary[], score: (run: RunSummary) => number | undefined) {
  const values = runs.map(score).filter((value) => value !== undefined);
  if (values.length === 0) return { mean: undefined, deviation: undefined };
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : undefined };
}
