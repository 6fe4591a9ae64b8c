/** A chart: curves on a canvas, and below it a table of their values at the cursor, which screen readers can read. */
import { useMemo, useState } from "preact/hooks";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { short } from "../format.js";
import { aligned, type Curve, DASHES, type Dash, nearest } from "./curve.js";
import { Plot, type PlotOptions } from "./plot.js";

export interface ChartProps extends PlotOptions {
  /** How to read the chart. */
  readonly note?: string;
  /** Address of a CSV file with all values; by default the button saves the values that are shown. */
  readonly csv?: string;
}

export function Chart(props: ChartProps) {
  const { title, note, xLabel, curves, format = short, formatX = short, csv } = props;
  const [index, setIndex] = useState<number>();
  const [spoken, setSpoken] = useState("");
  const table = useMemo(() => aligned(curves), [curves]);
  const at = index === undefined ? undefined : table[0][index];
  const newest = (i: number) => nearest(table[1 + 4 * i] as (number | null)[], index);
  const speak = (spokenIndex: number) =>
    setSpoken(
      `${xLabel} ${formatX(table[0][spokenIndex])}: ${curves.map(({ label }, i) => `${label} ${format(nearest(table[1 + 4 * i] as (number | null)[], spokenIndex))}`).join(", ")}`,
    );
  return (
    <figure class="chart card">
      <figcaption>
        <h3>{title}</h3>
        {csv === undefined ? (
          <CsvButton onClick={() => saveCsv(title, csvLines(xLabel, curves))}>of {title}</CsvButton>
        ) : (
          <a class="quiet" href={csv} download>
            CSV<span class="unseen"> of {title}</span>
          </a>
        )}
      </figcaption>
      {note && <p class="note">{note}</p>}
      <Plot {...props} table={table} onIndex={setIndex} onSpeak={speak} />
      <table class="legend">
        <thead>
          <tr>
            <th scope="col">
              {at === undefined ? (
                <span>newest{curves.some(({ behind }) => behind) ? ", smoothed" : ""}</span>
              ) : (
                <span>
                  at {xLabel} {formatX(at)}
                </span>
              )}
            </th>
            <th scope="col" class="unseen">
              value
            </th>
          </tr>
        </thead>
        <tbody>
          {curves.map((curve, i) => (
            <tr key={`${curve.label} ${i}`}>
              <th scope="row">
                <LineSample colour={curve.colour} dash={curve.dash} /> {curve.label}
              </th>
              <td>{format(newest(i))}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="unseen" aria-live="polite">
        {spoken}
      </p>
    </figure>
  );
}

/** A short line in the style of a curve, for legends. */
function LineSample({ colour, dash }: { readonly colour: string; readonly dash: Dash }) {
  return (
    <svg class="sample" width="26" height="8" aria-hidden="true">
      <line
        x1="1"
        y1="4"
        x2="25"
        y2="4"
        stroke={colour}
        stroke-width="2.5"
        stroke-dasharray={DASHES[dash]?.join(" ")}
      />
    </svg>
  );
}

const csvLines = (xLabel: string, curves: readonly Curve[]) => [
  ["curve", xLabel, "value"],
  ...curves.flatMap(({ label, x, y }) => x.map((value, i) => [label, value, y[i]])),
];
