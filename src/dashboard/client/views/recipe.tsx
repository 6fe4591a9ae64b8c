/** The recipes and environments of the chosen runs, and their differences. */

import type { RunDetails, RunSummary } from "../../wire.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { bytes, dateText, NONE } from "../format.js";
import { requestsFor, useFetched } from "../live.js";
import type { ViewProps } from "./view-props.js";

export function RecipeView({ chosen, names, colours, address }: ViewProps) {
  const details = useFetched<RunDetails>(requestsFor("run", chosen, ({ changedAt }) => changedAt));
  const runs = chosen.filter(({ id }) => details.has(id));
  const all = address.get("all") === "1" || runs.length < 2;
  if (runs.length === 0) return null;
  const of = (run: RunSummary) => details.get(run.id)!;
  const tables = [
    { title: "Recipe", rows: rowsOf(runs, (run) => of(run).recipe) },
    { title: "Data", rows: rowsOf(runs, (run) => dataOf(of(run).info)) },
    { title: "Environment", rows: rowsOf(runs, (run) => environmentOf(of(run).environment)) },
    { title: "Run", rows: rowsOf(runs, (run) => runOf(of(run).info)) },
  ];
  return (
    <section aria-label="Recipe">
      <div class="bar">
        <label>
          <input
            type="checkbox"
            checked={all}
            disabled={runs.length < 2}
            onChange={() => address.set({ all: all ? undefined : "1" })}
          />{" "}
          also show equal values
        </label>
        <span class="gap" />
        <CsvButton
          onClick={() =>
            saveCsv("recipes", [
              ["section", "key", ...runs.map(({ id }) => id)],
              ...tables.flatMap(({ title, rows }) => rows.map(({ key, values }) => [title, key, ...values])),
            ])
          }
        >
          of the recipes
        </CsvButton>
      </div>
      {tables.map(({ title, rows }) => {
        const shown = all ? rows : rows.filter(({ differs }) => differs);
        return (
          <section key={title} class="card" aria-label={title}>
            <h3>{title}</h3>
            {shown.length === 0 ? (
              <p class="note">All chosen runs are equal here.</p>
            ) : (
              <div class="scroll">
                <table class="facts">
                  <thead>
                    <tr>
                      <th scope="col" class="unseen">
                        key
                      </th>
                      {runs.map((run) => (
                        <th key={run.id} scope="col">
                          <span class="swatch" style={{ background: colours.get(run.id) }} /> {names.get(run.id)}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {shown.map(({ key, values, differs }) => (
                      <tr key={key} class={differs && all ? "differs" : undefined}>
                        <th scope="row">{key}</th>
                        {values.map((value, i) => (
                          <td key={runs[i].id}>{value}</td>
                        ))}
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </section>
        );
      })}
    </section>
  );
}

interface Row {
  readonly key: string;
  readonly values: readonly string[];
  readonly differs: boolean;
}

type Facts = Readonly<Record<string, unknown>>;

function rowsOf(runs: readonly RunSummary[], facts: (run: RunSummary) => Facts): Row[] {
  const all = runs.map(facts);
  return [...new Set(all.flatMap(Object.keys))].map((key) => {
    const values = all.map((one) => textOf(one[key]));
    return { key, values, differs: values.some((value) => value !== values[0]) };
  });
}

const textOf = (value: unknown): string =>
  value === undefined || value === null ? NONE : typeof value === "object" ? JSON.stringify(value) : String(value);

function dataOf(info: Facts | undefined): Facts {
  const { classes, ...data } = (info?.data ?? {}) as { readonly classes?: readonly string[] } & Facts;
  return {
    ...data,
    ...(classes && { classes: classes.length > 12 ? `${classes.length}` : `${classes.length}: ${classes.join(", ")}` }),
  };
}

const environmentOf = ({ memoryBytes, ...others }: Facts): Facts => ({
  ...others,
  ...(typeof memoryBytes === "number" && { memory: bytes(memoryBytes) }),
});

function runOf(info: Facts | undefined): Facts {
  const { version, command, createdAt, resumedAt, changes } = info ?? {};
  return {
    command: Array.isArray(command) ? command.join(" ") : undefined,
    version,
    begun: dateText(createdAt),
    resumed: Array.isArray(resumedAt) && resumedAt.length > 0 ? resumedAt.map(dateText).join(", ") : undefined,
    "changed when resumed": changes,
  };
}
