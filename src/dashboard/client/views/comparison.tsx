/** What `compare` found out: every measure with each run as a dot, the differences with their certainty, and what they cost. */

import type { ComparedMeasure, ComparisonReport } from "../../reports.js";
import { colourAt, useDark } from "../charts/colours.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { duration, NONE, percent, short } from "../format.js";
import { useFetched } from "../live.js";
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
        <code>npx advprop compare --methods vanilla,advprop --data shapes --to {listing.folder}/comparison</code> trains
        methods side by side, and measures them.
      </p>
    );
  }
  if (result?.arms === undefined || result.measures === undefined) return null;
  const { arms, measures, failures = [], repetitions, budget } = result;
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
          {repetitions.length === 1 ? "repetition" : "repetitions"} each, with equal{" "}
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
            Show its curves
          </button>
        )}
        <CsvButton onClick={() => saveComparison(measures)}>of the comparison</CsvButton>
      </div>
      {failures.map(({ run, message }) => (
        <p key={run} class="note">
          Failed: {run}: {message}
        </p>
      ))}
      <section class="card" aria-label="Verdict">
        {arms.slice(1).map(({ name }) => (
          <Verdict key={name} first={arms[0].name} other={name} measures={measures} />
        ))}
      </section>
      <section class="card" aria-label="Measures">
        <h3>Measures</h3>
        <ul class="key">
          {arms.map(({ name }) => (
            <li key={name}>
              <span class="swatch" style={{ background: colours.get(name) }} /> {name}
            </li>
          ))}
          <li class="note">a dot is a run, the bar their mean; ↑ more is better, ↓ less is</li>
        </ul>
        <div class="scroll">
          <table class="figures measures">
            <thead>
              <tr>
                <th scope="col">Measure</th>
                <th scope="col">Runs</th>
                {arms.map(({ name }) => (
                  <th key={name} scope="col" class="number">
                    {name}
                  </th>
                ))}
                {arms.slice(1).map(({ name }) => (
                  <th key={name} scope="col" class="number">
                    {name} − {arms[0].name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {measures.map((measure) => (
                <tr key={measure.name}>
                  <th scope="row">
                    {measure.name} {measure.better === "higher" ? "↑" : "↓"}
                  </th>
                  <td>
                    <Dots measure={measure} colours={colours} />
                  </td>
                  {arms.map(({ name }) => {
                    const found = measure.arms.find(({ arm }) => arm === name);
                    return (
                      <td key={name} class="number">
                        {percent(found?.mean)}{" "}
                        {found?.deviation !== undefined && <small>± {(100 * found.deviation).toFixed(1)}</small>}
                      </td>
                    );
                  })}
                  {arms.slice(1).map(({ name }) => (
                    <Difference key={name} measure={measure} arm={name} />
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <p class="note">
          ± is the standard deviation over the repetitions. Of a difference, the brackets are Student's 95 % interval in
          percentage points, and p is of the paired t-test.
        </p>
      </section>
      <section class="card" aria-label="Cost">
        <h3>Cost</h3>
        <div class="scroll">
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">Arm</th>
                <th scope="col">Method</th>
                <th scope="col">Network</th>
                <th scope="col" class="number">
                  Epochs
                </th>
                <th scope="col" class="number">
                  Passes a step
                </th>
                <th scope="col" class="number">
                  Passes
                </th>
                <th scope="col" class="number">
                  Training takes
                </th>
              </tr>
            </thead>
            <tbody>
              {arms.map(({ name, method, model, epochs, unitsPerStep, runs }) => {
                const mean = (value: (run: (typeof runs)[number]) => number) =>
                  runs.reduce((sum, run) => sum + value(run), 0) / runs.length;
                return (
                  <tr key={name}>
                    <th scope="row">
                      <span class="swatch" style={{ background: colours.get(name) }} /> {name}
                    </th>
                    <td>{method}</td>
                    <td>{model}</td>
                    <td class="number">{epochs}</td>
                    <td class="number">{short(unitsPerStep)}</td>
                    <td class="number">{short(mean(({ units }) => units))}</td>
                    <td class="number">{duration(mean(({ seconds }) => seconds))}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
        <p class="note">
          A pass is a forward and backward pass of vanilla training over a mini-batch; an attack step is two thirds of
          one.
        </p>
      </section>
    </section>
  );
}

/** In words what the table says, and no more. */
function Verdict({
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
  if (found.length === 0)
    return <p>With one repetition nothing can be said of how sure a difference is. Compare with more seeds.</p>;
  const list = (which: typeof found) =>
    which.map(({ name, gain }) => `${name} (${(100 * Math.abs(gain)).toFixed(1)} points)`).join(", ");
  const better = found.filter(({ gain, sure }) => sure && gain > 0);
  const worse = found.filter(({ gain, sure }) => sure && gain < 0);
  const open = found.filter(({ sure }) => !sure);
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
      {open.length > 0 && (
        <p>
          {better.length + worse.length === 0 ? (
            <b>
              No difference between {other} and {first} is certain
            </b>
          ) : (
            "Not certain"
          )}{" "}
          at the level of 5 %:{" "}
          {open
            .map(
              ({ name, gain }) =>
                `${name} (${gain >= 0 ? "better" : "worse"} by ${(100 * Math.abs(gain)).toFixed(1)} points)`,
            )
            .join(", ")}
          . More repetitions would tell.
        </p>
      )}
    </>
  );
}

/** All runs of a measure on one line, each arm in its colour and at its own height. */
function Dots({
  measure: { arms },
  colours,
}: {
  readonly measure: ComparedMeasure;
  readonly colours: ReadonlyMap<string, string>;
}) {
  const [width, row] = [220, 12];
  const values = arms.flatMap((arm) => Object.values(arm.values));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(0.01, most - least) * 0.15;
  const x = (value: number) => 6 + ((value - least + room) / (most - least + 2 * room || 1)) * (width - 12);
  const height = row * arms.length + 4;
  return (
    <svg
      class="dots"
      width={width}
      height={height}
      role="img"
      aria-label={arms.map(({ arm, mean }) => `${arm} ${percent(mean)}`).join(", ")}
    >
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} class="ground" />
      {arms.map(({ arm, mean, values: own }, i) => (
        <g key={arm} fill={colours.get(arm)} stroke={colours.get(arm)}>
          <line x1={x(mean)} x2={x(mean)} y1={i * row + 1} y2={i * row + row} stroke-width="2.5" />
          {Object.entries(own).map(([repetition, value]) => (
            <circle key={repetition} cx={x(value)} cy={i * row + row / 2 + 1} r="3.5" fill-opacity="0.55" stroke="none">
              <title>{`${arm}, ${repetition}: ${percent(value)}`}</title>
            </circle>
          ))}
        </g>
      ))}
    </svg>
  );
}

function Difference({ measure, arm }: { readonly measure: ComparedMeasure; readonly arm: string }) {
  const difference = measure.arms.find((one) => one.arm === arm)?.difference;
  if (difference === undefined || difference === null) return <td class="number">{NONE}</td>;
  const { value, low, high, p } = difference;
  const points = (one: number) => `${one >= 0 ? "+" : "−"}${(100 * Math.abs(one)).toFixed(1)}`;
  const good = (measure.better === "higher") === value > 0;
  return (
    <td class={`number ${p < 0.05 ? (good ? "right" : "wrong") : ""}`}>
      {points(value)}{" "}
      <small>
        [{points(low)}, {points(high)}], p {p < 0.001 ? "< 0.001" : p.toFixed(3)}
      </small>
    </td>
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
