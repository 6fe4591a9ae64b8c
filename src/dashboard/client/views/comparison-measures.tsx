/** All measures of a comparison: each run as a dot, mean and deviation of each arm, and the differences from the first arm. */
import type { ComparedMeasure } from "../../reports.js";
import { NONE, percent } from "../format.js";

interface MeasuresProps {
  /** Names of the arms; the others are compared with the first. */
  readonly arms: readonly string[];
  readonly measures: readonly ComparedMeasure[];
  readonly colours: ReadonlyMap<string, string>;
}

export function MeasuresCard({ arms, measures, colours }: MeasuresProps) {
  return (
    <section class="card" aria-label="Measures">
      <h3>Measures</h3>
      <ul class="key">
        {arms.map((name) => (
          <li key={name}>
            <span class="swatch" style={{ background: colours.get(name) }} /> {name}
          </li>
        ))}
        <li class="note">each dot is a run, the bar is their mean; ↑ higher is better, ↓ lower is better</li>
      </ul>
      <div class="scroll">
        <table class="figures measures">
          <thead>
            <tr>
              <th scope="col">Measure</th>
              <th scope="col">Runs</th>
              {arms.map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
              {arms.slice(1).map((name) => (
                <th key={name} scope="col" class="number">
                  {name} − {arms[0]}
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
                {arms.map((name) => {
                  const found = measure.arms.find(({ arm }) => arm === name);
                  return (
                    <td key={name} class="number">
                      {percent(found?.mean)}{" "}
                      {found?.deviation !== undefined && <small>± {(100 * found.deviation).toFixed(1)}</small>}
                    </td>
                  );
                })}
                {arms.slice(1).map((name) => (
                  <Difference key={name} measure={measure} arm={name} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="note">
        ± is the standard deviation over the repetitions. For a difference, the brackets show Student's 95 % interval in
        percentage points, and p is that of the paired t-test. Over folds both are corrected for the training photos
        that the folds share.
      </p>
    </section>
  );
}

/** All runs of a measure on one axis; each arm has its own colour and row. */
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
