/** The results of `advprop compare`: a verdict, all measures with their differences, and the cost. */

import { shellWord } from "../../../errors.js";
import type { ComparedMeasure, ComparisonReport } from "../../reports.js";
import { colourAt, useDark } from "../charts/colours.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { useFetched } from "../live.js";
import { CostCard } from "./comparison-cost.js";
import { MeasuresCard } from "./comparison-measures.js";
import { Verdict } from "./comparison-verdict.js";
import type { ViewProps } from "./view-props.js";

export function ComparisonView({ listing, choose, address }: ViewProps) {
  const dark = useDark();
  const all = listing.reports.filter(({ kind }) => kind === "comparison");
  const shown =
    all.find(({ id }) => id === address.get("comparison")) ?? [...all].sort((a, b) => b.changedAt - a.changedAt)[0];
  const url = `api/report?kind=comparison&id=${encodeURIComponent(shown?.id ?? "")}`;
  const result = useFetched<ComparisonReport>(
    shown === undefined ? [] : [{ key: url, url, version: shown.changedAt }],
  ).get(url);
  if (shown === undefined) {
    return (
      <p class="empty">
        There is no finished comparison in {listing.folder}.{" "}
        <code>
          npx advprop compare --methods vanilla,advprop --data shapes --to {shellWord(`${listing.folder}/comparison`)}
        </code>{" "}
        trains and compares methods.
      </p>
    );
  }
  if (result?.arms === undefined || result.measures === undefined) return null;
  const { arms, measures, failures = [], unfinished = [], repetitions, budget } = result;
  const colours = new Map(arms.map(({ name }, i) => [name, colourAt(i, dark)] as const));
  const inFolder = listing.runs.filter(({ id }) =>
    shown.id === "." ? id.startsWith("runs/") : id.startsWith(`${shown.id}/runs/`),
  );
  return (
    <section aria-label="Comparison">
      <div class="bar">
        {all.length > 1 ? (
          <label>
            Comparison{" "}
            <select onChange={(event) => address.set({ comparison: event.currentTarget.value })}>
              {all.map(({ id }) => (
                <option key={id} value={id} selected={id === shown.id}>
                  {id}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <span class="path">{shown.id}</span>
        )}
        <span>
          {arms.map(({ name }) => name).join(", ")}; {repetitions.length}{" "}
          {repetitions.length === 1 ? "repetition" : "repetitions"} each, with{" "}
          {budget === "epochs" && arms.some(({ epochs }) => epochs !== arms[0].epochs) ? "different" : "equal"}{" "}
          {{ epochs: "epochs", compute: "computation", time: "time" }[budget] ?? budget}
        </span>
        <span class="gap" />
        {inFolder.length > 0 && (
          <button
            type="button"
            onClick={() => {
              choose(inFolder.map(({ id }) => id));
              address.set({ view: "curves", colour: "method" }, true);
            }}
          >
            Show the curves
          </button>
        )}
        <CsvButton onClick={() => saveComparison(measures)}>of the comparison</CsvButton>
      </div>
      {failures.map(({ run, message }) => (
        <p key={run} class="note">
          Failed: {run}: {message}
        </p>
      ))}
      {unfinished.map(({ run, message }) => (
        <p key={run} class="note">
          Unfinished: {run}: {message}
        </p>
      ))}
      <section class="card" aria-label="Verdict">
        {arms.slice(1).map(({ name }) => (
          <Verdict key={name} first={arms[0].name} other={name} measures={measures} />
        ))}
      </section>
      <MeasuresCard arms={arms.map(({ name }) => name)} measures={measures} colours={colours} />
      <CostCard arms={arms} colours={colours} />
    </section>
  );
}

const saveComparison = (measures: readonly ComparedMeasure[]) =>
  saveCsv("comparison", [
    ["measure", "better", "arm", "repetition", "value"],
    ...measures.flatMap(({ name, better, arms }) =>
      arms.flatMap(({ arm, values }) =>
        Object.entries(values).map(([repetition, value]) => [name, better, arm, repetition, value]),
      ),
    ),
  ]);
