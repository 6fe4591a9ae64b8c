/** Charts of the logged metrics of the chosen runs. */
import { useMemo } from "preact/hooks";
import { lossesOf, lossRank } from "../../../runs/losses.js";
import type { RunSeries, RunSummary, SeriesData } from "../../wire.js";
import { stepScale, X_AXES, type XAxis } from "../charts/axes.js";
import { Chart } from "../charts/chart.js";
import type { Curve, Dash } from "../charts/curve.js";
import { smooth } from "../charts/smoothing.js";
import { percent, short } from "../format.js";
import { requestsFor, useFetched } from "../live.js";
import type { ViewProps } from "./view-props.js";

/** A metric in a chart. */
interface Line {
  readonly metric: string;
  /** Name of the metric in the legend of its chart. */
  readonly name: string;
  readonly dash: Dash;
}

interface ChartContent {
  readonly title: string;
  readonly note?: string;
  readonly lines: readonly Line[];
  readonly format?: (value: number | undefined | null) => string;
  /** Whether the curves are noisy, so that smoothing applies. */
  readonly noisy?: boolean;
}

const share = (value: number | undefined | null) => percent(value ?? undefined);

export function CurvesView({ chosen, colours, names, address }: ViewProps) {
  const weight = Math.min(0.99, Math.max(0, Number(address.get("smooth") ?? 0.6)));
  const log = address.get("log") === "1";
  const zoom = zoomOf(address.get("zoom"));
  const whole = useFetched<RunSeries>(requestsFor("series", chosen, ({ versions }) => versions.metrics));
  const begun = chosen.filter(({ id }) => Object.keys(whole.get(id)?.series ?? {}).length > 0);
  const isFirstEpoch = ({ id }: RunSummary) => stepScale("epoch", whole.get(id)?.series["epoch.seconds"]) === undefined;
  // Before any epoch is done only the axis of updates has curves.
  const usual = begun.length > 0 && begun.every(isFirstEpoch) ? "step" : "epoch";
  const axis: XAxis = X_AXES.find((one) => one === address.get("x")) ?? usual;
  const leftOut = axis === "step" ? [] : begun.filter(isFirstEpoch);
  const scales = new Map(
    chosen.map(({ id }) => [id, stepScale(axis, whole.get(id)?.series["epoch.seconds"])] as const),
  );
  // The curves of a long run are downsampled. For a zoomed part the server can give more detail.
  const detailed =
    zoom === undefined ? [] : chosen.filter(({ id }) => isCoarse(whole.get(id)) && scales.get(id) !== undefined);
  const parts = useFetched<RunSeries>(
    detailed.flatMap((run) => {
      const [from, to] = zoom!.map((position) => scales.get(run.id)!.from(position));
      return requestsFor(
        "series",
        [run],
        ({ versions }) => versions.metrics,
        `&from=${Math.floor(from)}&to=${Math.ceil(to)}`,
      );
    }),
  );
  const found = new Map(chosen.map(({ id }) => [id, parts.get(id) ?? whole.get(id)] as const));
  const charts = useMemo(
    () => chartsOf([...found.values()]),
    [[...found.values()].flatMap((one) => Object.keys(one?.series ?? {})).join()],
  );

  const curvesOf = ({ lines, noisy }: ChartContent): Curve[] =>
    chosen.flatMap((run) =>
      lines.flatMap(({ metric, name, dash }): Curve[] => {
        const data = found.get(run.id)?.series[metric];
        const scale = scales.get(run.id);
        if (data === undefined || scale === undefined) return [];
        const label = lines.length === 1 ? names.get(run.id)! : `${names.get(run.id)}, ${name}`;
        const x = data.step.map(scale.to);
        return [{ label, colour: colours.get(run.id)!, dash, x, ...drawn(data, noisy ? weight : 0) }];
      }),
    );
  const broken = chosen.filter(({ id }) => (whole.get(id)?.broken ?? 0) > 0);
  return (
    <section aria-label="Curves">
      <div class="bar">
        <fieldset class="choices">
          <legend>x axis</legend>
          {X_AXES.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={one === axis}
              onClick={() => address.set({ x: one, zoom: undefined })}
            >
              {{ epoch: "epochs", step: "updates", minutes: "training time" }[one]}
            </button>
          ))}
        </fieldset>
        <label>
          Smoothing
          <input
            type="range"
            min="0"
            max="0.99"
            step="0.01"
            value={weight}
            onInput={(event) => address.set({ smooth: event.currentTarget.value })}
          />
          <output>{weight.toFixed(2)}</output>
        </label>
        <label>
          <input type="checkbox" checked={log} onChange={() => address.set({ log: log ? undefined : "1" })} /> log scale
        </label>
        <label>
          <input
            type="checkbox"
            checked={address.get("colour") === "method"}
            onChange={(event) => address.set({ colour: event.currentTarget.checked ? "method" : undefined })}
          />{" "}
          one colour per method
        </label>
        {zoom && (
          <button type="button" onClick={() => address.set({ zoom: undefined })}>
            Show all
          </button>
        )}
        <span class="gap" />
        <span class="hint">Drag to zoom in; double-click to show all.</span>
      </div>
      {broken.map(({ id }) => (
        <p key={id} class="note">
          {names.get(id)}: {whole.get(id)!.broken} of {whole.get(id)!.lines} lines of metrics.jsonl are damaged and left
          out.
        </p>
      ))}
      {leftOut.map(({ id }) => (
        <p key={id} class="note">
          {names.get(id)}: its first epoch is not done. Until then its curves are only shown over the updates.
        </p>
      ))}
      {chosen.length > 0 && charts.length === 0 && (
        <p class="empty">Nothing is logged yet. The first record comes after some updates.</p>
      )}
      <div class="charts">
        {charts.map((chart) => (
          <Chart
            key={chart.title}
            title={chart.title}
            note={chart.note}
            xLabel={axis}
            curves={curvesOf(chart)}
            format={chart.format}
            formatX={
              axis === "minutes"
                ? (minutes) => (minutes < 3 ? `${+minutes.toFixed(2)}` : short(+minutes.toFixed(1)))
                : short
            }
            log={log}
            zoom={zoom}
            onZoom={(next) =>
              address.set({
                zoom: next?.map((position) => String(+position.toPrecision(6))).join(".."),
                ...(next && { x: axis }),
              })
            }
            csv={csvAddress(chosen, chart.lines)}
          />
        ))}
      </div>
    </section>
  );
}

const isCoarse = (series: RunSeries | undefined): boolean =>
  Object.values(series?.series ?? {}).some(({ least }) => least !== undefined);

function zoomOf(text: string | undefined): readonly [number, number] | undefined {
  const [from, to] = (text ?? "").split("..").map(Number);
  return from < to ? [from, to] : undefined;
}

/** A smoothed curve with the original behind it, or the original with its smallest and largest values. */
function drawn({ mean, least, largest }: SeriesData, weight: number): Pick<Curve, "y" | "behind" | "band"> {
  if (weight > 0) return { y: smooth(mean, weight), behind: mean };
  return { y: mean, ...(least && largest && { band: { least, largest } }) };
}

const csvAddress = (runs: readonly RunSummary[], lines: readonly Line[]): string =>
  `api/metrics.csv?${new URLSearchParams([...runs.map(({ id }) => ["run", id]), ...lines.map(({ metric }) => ["metric", metric])])}`;

/** "cleanLoss" to "clean", "smallEpsilonLoss" to "small epsilon". */
const lossName = (key: string) => key.replace(/Loss$/, "").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const dashOf = (index: number): Dash => (["solid", "dashed", "dotted"] as const)[Math.min(2, index)];

/** The charts for all metrics that these runs have logged, including metrics that this page does not know. */
function chartsOf(runs: readonly (RunSeries | undefined)[]): ChartContent[] {
  const metrics = [...new Set(runs.flatMap((one) => Object.keys(one?.series ?? {})))];
  const starting = (prefix: string) =>
    metrics.filter((metric) => metric.startsWith(prefix)).map((metric) => metric.slice(prefix.length));
  const losses = lossesOf(starting("step."));
  const routes = [...new Set(starting("validation.routes.").map((key) => key.split(".")[0]))].filter(
    (route) => route !== "main",
  );
  const byRoute = (measure: string): Line[] => [
    { metric: `validation.${measure}`, name: "main batch norms", dash: "solid" },
    ...routes.map(
      (route, i): Line => ({
        metric: `validation.routes.${route}.${measure}`,
        name: `${route} norms`,
        dash: dashOf(i + 1),
      }),
    ),
  ];
  const charts: ChartContent[] = [
    {
      title: "Training loss",
      note:
        losses.includes("adversarialLoss") && losses.includes("cleanLoss") && routes.length > 0
          ? "Clean images through the main batch norms, adversarial images through the auxiliary ones."
          : undefined,
      lines: losses.map((key) => ({ metric: `step.${key}`, name: lossName(key), dash: dashOf(lossRank(key)) })),
      noisy: true,
    },
    {
      title: "Validation accuracy",
      note: routes.length > 0 ? "The same validation images through each batch norm route." : undefined,
      lines: byRoute("accuracy"),
      format: share,
    },
    { title: "Validation loss", lines: byRoute("loss") },
    { title: "Learning rate", lines: [{ metric: "step.learningRate", name: "", dash: "solid" }] },
    { title: "Gradient norm", lines: [{ metric: "step.gradientNorm", name: "", dash: "solid" }], noisy: true },
    { title: "Images per second", lines: [{ metric: "step.imagesPerSecond", name: "", dash: "solid" }], noisy: true },
    {
      title: "Waiting for images",
      note: "Share of the time in which training waited for its data.",
      lines: [{ metric: "step.waitingShare", name: "", dash: "solid" }],
      format: share,
      noisy: true,
    },
  ];
  const known = new Set(charts.flatMap(({ lines }) => lines.map(({ metric }) => metric)));
  const others = metrics.filter((metric) => metric.startsWith("step.") && !known.has(metric));
  return [
    ...charts,
    ...others.map(
      (metric): ChartContent => ({ title: metric.slice(5), lines: [{ metric, name: "", dash: "solid" }], noisy: true }),
    ),
  ].filter(({ lines }) => lines.some(({ metric }) => metrics.includes(metric)));
}
