/** The drift of the auxiliary batch norms from the main ones, by layer and over time. */

import { useMemo } from "preact/hooks";
import type { DriftData, RunSummary } from "../../wire.js";
import { Chart } from "../charts/chart.js";
import type { Curve } from "../charts/curve.js";
import { HeatMap } from "../charts/heat-map.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { short } from "../format.js";
import { requestsFor, useFetched } from "../live.js";
import type { ViewProps } from "./view-props.js";

const MEASURES = {
  mean: [
    "Means",
    "the difference of the running means, in standard deviations of the main batch norms (root mean square over channels)",
  ],
  logVariance: ["Variances", "the logarithm of the ratio of the running variances (root mean square over channels)"],
} as const;

export function NormsView({ chosen, colours, names, address }: ViewProps) {
  const measure = address.get("measure") === "logVariance" ? "logVariance" : "mean";
  const drifts = useFetched<readonly DriftData[]>(requestsFor("drift", chosen, ({ versions }) => versions.drift));
  const all = chosen.flatMap((run) => (drifts.get(run.id) ?? []).map((drift) => ({ run, drift })));
  const requested = all.find(({ run, drift }) => `${run.id} ${drift.route}` === address.get("of"));
  const shown = requested ?? all[0];
  if (chosen.length > 0 && drifts.size === chosen.length && all.length === 0) {
    return (
      <p class="empty">
        These runs have no auxiliary batch norms, or the first epoch is not done. AdvProp and its variants have
        auxiliary batch norms.
      </p>
    );
  }
  if (shown === undefined) return null;
  const title = (run: RunSummary, { route }: DriftData) =>
    all.filter((one) => one.run === run).length > 1 ? `${names.get(run.id)}, ${route}` : names.get(run.id)!;
  const curves = (x: (drift: DriftData) => readonly number[], y: (drift: DriftData) => number[]): Curve[] =>
    all.map(({ run, drift }, i) => ({
      label: title(run, drift),
      colour: colours.get(run.id)!,
      dash: all.findIndex((one) => one.run === run) === i ? "solid" : "dashed",
      x: x(drift),
      y: y(drift),
    }));
  const { layers } = shown.drift;
  return (
    <section aria-label="Norms">
      <div class="bar">
        <fieldset class="choices">
          <legend>Statistic</legend>
          {(Object.keys(MEASURES) as (keyof typeof MEASURES)[]).map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={one === measure}
              onClick={() => address.set({ measure: one })}
            >
              {MEASURES[one][0].toLowerCase()}
            </button>
          ))}
        </fieldset>
      </div>
      <p class="note">
        AdvProp uses separate batch norms for adversarial images. This page shows {MEASURES[measure][1]}. 0 means that
        both routes have the same statistics, so that separate batch norms would not be needed.
      </p>
      <div class="charts">
        <Chart
          title="Mean over the layers"
          xLabel="epoch"
          curves={curves(
            ({ epochs }) => epochs.map((epoch) => epoch + 1),
            (drift) => drift.epochs.map((_, e) => average(drift[measure].map((row) => row[e]))),
          )}
        />
        <Chart
          title="By layer, after the newest epoch"
          xLabel="layer"
          formatX={(layer) => layers[Math.round(layer) - 1] ?? short(layer)}
          curves={curves(
            (drift) => drift.layers.map((_, i) => i + 1),
            (drift) => drift[measure].map((row) => row.at(-1) ?? Number.NaN),
          )}
        />
      </div>
      <section class="card" aria-label="By layer and epoch">
        <div class="bar">
          <h3>By layer and epoch</h3>
          {all.length > 1 && (
            <label>
              of{" "}
              <select onChange={(event) => address.set({ of: event.currentTarget.value })}>
                {all.map(({ run, drift }) => (
                  <option
                    key={`${run.id} ${drift.route}`}
                    value={`${run.id} ${drift.route}`}
                    selected={drift === shown.drift}
                  >
                    {title(run, drift)}
                  </option>
                ))}
              </select>
            </label>
          )}
          <span class="gap" />
          <CsvButton onClick={() => saveDrift(title(shown.run, shown.drift), shown.drift)}>
            by layer and epoch
          </CsvButton>
        </div>
        <DriftMap title={`${MEASURES[measure][0]} by layer and epoch`} drift={shown.drift} measure={measure} />
      </section>
    </section>
  );
}

function DriftMap({
  title,
  drift,
  measure,
}: {
  readonly title: string;
  readonly drift: DriftData;
  readonly measure: keyof typeof MEASURES;
}) {
  const values = drift[measure];
  const full = useMemo(() => Math.max(1e-9, ...values.flat().map((value) => value ?? 0)), [values]);
  return (
    <>
      <HeatMap
        title={title}
        rows={drift.layers}
        columns={drift.epochs.map((epoch) => String(epoch + 1))}
        strength={(row, column) => {
          const value = values[row]?.[column] ?? null;
          return value === null ? null : value / full;
        }}
        version={values}
        describe={(row, column) =>
          `${drift.layers[row]}, epoch ${drift.epochs[column] + 1}: ${short(values[row][column])}`
        }
        most={[22, 140]}
        rowsTitle="layers, from the input to the output"
        columnsTitle="epochs"
      />
      <Scale full={full} />
    </>
  );
}

/** The colour scale. */
export function Scale({
  full,
  format = short,
}: {
  readonly full: number;
  readonly format?: (value: number) => string;
}) {
  return (
    <p class="scale">
      <span>{format(0)}</span>
      <span class="ramp" aria-hidden="true" />
      <span>{format(full)}</span>
    </p>
  );
}

function average(values: readonly (number | null)[]): number {
  const known = values.filter((value) => value !== null);
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

const saveDrift = (name: string, { route, layers, epochs, mean, logVariance }: DriftData) =>
  saveCsv(`norms ${name}`, [
    ["route", "layer", "epoch", "mean", "log variance"],
    ...layers.flatMap((layer, l) => epochs.map((epoch, e) => [route, layer, epoch + 1, mean[l][e], logVariance[l][e]])),
  ]);
