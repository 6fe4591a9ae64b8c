/** The report of a suite: its table, accuracy over epsilon, and errors by corruption and severity. */

import type { SuiteReport } from "../../reports.js";
import type { ReportSummary, RunDetails } from "../../wire.js";
import { Chart } from "../charts/chart.js";
import { colourAt, useDark } from "../charts/colours.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { percent } from "../format.js";
import { useFetched } from "../live.js";
import { ownSuites, type ShownSuite } from "./own-suites.js";
import { CorruptionsCard } from "./suite-corruptions.js";
import { SuiteTable } from "./suite-table.js";
import type { ViewProps } from "./view-props.js";

interface SuiteProps extends Pick<ViewProps, "chosen" | "colours" | "names" | "address"> {
  readonly details: ReadonlyMap<string, RunDetails>;
  readonly reports: readonly ReportSummary[];
}

/** The newest suites of the chosen runs side by side, or a written report of a suite. */
export function SuiteCards({ details, reports, chosen, colours, names, address }: SuiteProps) {
  const dark = useDark();
  const own = ownSuites(chosen, details, names);
  const requested = reports.find(({ id }) => id === address.get("suite"));
  const shown =
    requested ?? (own === undefined ? [...reports].sort((a, b) => b.changedAt - a.changedAt)[0] : undefined);
  const url = `api/report?kind=suite&id=${encodeURIComponent(shown?.id ?? "")}`;
  const fetched = useFetched<SuiteReport>(shown === undefined ? [] : [{ key: url, url, version: shown.changedAt }]);
  const result: ShownSuite | undefined = shown === undefined ? own : fetched.get(url);
  if (result?.models === undefined || result.measures === undefined) return null;
  const { models, measures } = result;
  // A model that is one of the chosen runs keeps its colour.
  const colourOf = (name: string, i: number) => {
    const run = chosen.find(({ id }) =>
      shown === undefined
        ? names.get(id) === name
        : result.files?.[name]?.includes(`${id.split("/").at(-1)}/checkpoints/`),
    );
    return (run && colours.get(run.id)) ?? colourAt(i, dark);
  };
  const sources = [
    ...(own === undefined ? [] : [{ id: "", title: "of the chosen runs" }]),
    ...reports.map(({ id }) => ({ id, title: id })),
  ];
  const kinds = [
    ...new Set(models.flatMap(({ robustness }) => robustness.map(({ attack, access }) => `${attack}, ${access}`))),
  ];
  return (
    <>
      <section class="card" aria-label="Suite">
        <div class="bar">
          <h3>Suite</h3>
          {sources.length > 1 ? (
            <select
              aria-label="Suite"
              onChange={(event) => address.set({ suite: event.currentTarget.value || undefined })}
            >
              {sources.map(({ id, title }) => (
                <option key={id} value={id} selected={id === (shown?.id ?? "")}>
                  {title}
                </option>
              ))}
            </select>
          ) : (
            <span class="path">{sources[0].title}</span>
          )}
          <span class="gap" />
          <CsvButton
            onClick={() =>
              saveCsv("suite", [
                ["measure", "model", "value", "low", "high", "images", "data"],
                ...measures.flatMap(({ name, values }) =>
                  values.map((value, m) => [
                    name,
                    models[m].name,
                    value?.value,
                    value?.low,
                    value?.high,
                    value?.count,
                    (result.dataOf?.[m] ?? result.data).name,
                  ]),
                ),
              ])
            }
          >
            of the suite
          </CsvButton>
        </div>
        <SuiteTable result={result} colourOf={colourOf} />
      </section>
      {kinds.length > 0 && (
        <div class="charts">
          {kinds.map((kind) => (
            <Chart
              key={kind}
              note={result.dataOf && "The curves are of different images: see the table."}
              title={`Accuracy under ${kind}`}
              xLabel="epsilon × 255"
              format={(value) => percent(value ?? undefined, 0)}
              curves={models.flatMap(({ name, robustness }, i) => {
                const own = robustness.find(({ attack, access }) => `${attack}, ${access}` === kind);
                if (own === undefined) return [];
                const x = own.points.map(({ epsilon }) => 255 * epsilon);
                return [
                  {
                    label: name,
                    colour: colourOf(name, i),
                    dash: "solid" as const,
                    x,
                    y: own.points.map(({ accuracy }) => accuracy),
                  },
                ];
              })}
            />
          ))}
        </div>
      )}
      <CorruptionsCard models={models} dark={dark} />
    </>
  );
}
