/** The confusion matrix, and a table of the most frequent confusions. */

import { useMemo, useState } from "preact/hooks";
import type { Confusion, RunSummary } from "../../wire.js";
import { HeatMap } from "../charts/heat-map.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { percent } from "../format.js";
import { useFetched } from "../live.js";

/** Number of rows of the table. */
const MOST_PAIRS = 12;

export function ConfusionCard({ run, file }: { readonly run: RunSummary; readonly file: string }) {
  const url = `api/confusion?run=${encodeURIComponent(run.id)}&file=${encodeURIComponent(file)}`;
  const confusion = useFetched<Confusion>([{ key: url, url, version: run.versions.evaluation }]).get(url);
  const [filter, setFilter] = useState("");
  const table = useMemo(() => confusion && tableOf(confusion), [confusion]);
  if (confusion === undefined || table === undefined) return null;
  const { classes, counts } = confusion;
  const of = (label: number, predicted: number) => table.counts.get(label * classes.length + predicted) ?? 0;
  const words = filter.toLowerCase();
  const pairs = table.pairs.filter(
    ([label, predicted]) =>
      words === "" || [label, predicted].some((one) => classes[one].toLowerCase().includes(words)),
  );
  return (
    <section class="card" aria-label="Confusion matrix">
      <div class="bar">
        <h3>Confusion matrix</h3>
        <span class="gap" />
        <CsvButton
          onClick={() =>
            saveCsv("confusion", [
              ["true", "predicted", "count"],
              ...triples(counts).map(([label, predicted, count]) => [classes[label], classes[predicted], count]),
            ])
          }
        >
          of the confusion matrix
        </CsvButton>
      </div>
      <div class="beside">
        <div class="matrix">
          <HeatMap
            title="Confusion matrix"
            rows={classes}
            columns={classes}
            // The square root makes rare confusions visible.
            strength={(label, predicted) => Math.sqrt(of(label, predicted) / (table.totals[label] || 1))}
            text={(label, predicted) => String(of(label, predicted) || "")}
            version={confusion}
            describe={(label, predicted) =>
              `${classes[label]} classified as ${classes[predicted]}: ${of(label, predicted)} of ${table.totals[label]} (${percent(of(label, predicted) / (table.totals[label] || 1))})`
            }
            most={[34, 96]}
            rowsTitle="true classes"
            columnsTitle="predicted classes"
          />
        </div>
        <div>
          <label>
            Most frequent confusions{" "}
            <input
              type="search"
              placeholder="class"
              value={filter}
              onInput={(event) => setFilter(event.currentTarget.value)}
            />
          </label>
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">True</th>
                <th scope="col">Predicted</th>
                <th scope="col" class="number">
                  Images
                </th>
                <th scope="col" class="number">
                  Share of the class
                </th>
              </tr>
            </thead>
            <tbody>
              {pairs.slice(0, MOST_PAIRS).map(([label, predicted, count]) => (
                <tr key={`${label} ${predicted}`}>
                  <th scope="row">{classes[label]}</th>
                  <td>{classes[predicted]}</td>
                  <td class="number">{count}</td>
                  <td class="number">{percent(count / table.totals[label])}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {pairs.length === 0 && <p class="note">None.</p>}
        </div>
      </div>
    </section>
  );
}

type Triple = readonly [label: number, predicted: number, count: number];

const triples = (counts: readonly number[]): Triple[] =>
  Array.from({ length: counts.length / 3 }, (_, i): Triple => [counts[3 * i], counts[3 * i + 1], counts[3 * i + 2]]);

function tableOf({ classes, counts }: Confusion) {
  const all = triples(counts);
  const totals = new Array<number>(classes.length).fill(0);
  for (const [label, , count] of all) totals[label] += count;
  const pairs = all.filter(([label, predicted]) => label !== predicted).sort((a, b) => b[2] - a[2]);
  return {
    counts: new Map(all.map(([label, predicted, count]) => [label * classes.length + predicted, count] as const)),
    totals,
    pairs,
  };
}
