/** Adversarial examples of the same images after each epoch, with the predictions through each route. */

import { useEffect, useRef, useState } from "preact/hooks";
import { type GridLayout, gridLayout } from "../../../figures/grid-layout.js";
import type { SnapshotFile, SnapshotPrediction } from "../../../runs/schema.js";
import type { RunDetails, SnapshotEntry } from "../../wire.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { percent } from "../format.js";
import { requestsFor, useFetched } from "../live.js";
import type { ViewProps } from "./view-props.js";

/** The rows of a picture. */
const ROWS = ["clean", "perturbation", "adversarial"] as const;

const MILLISECONDS_A_PICTURE = 700;

export function ExamplesView({ chosen, colours, names, address }: ViewProps) {
  const details = useFetched<RunDetails>(
    requestsFor("run", chosen, ({ versions }) => `${versions.images} ${versions.evaluation}`),
  );
  const shown = chosen.filter(({ id }) => (details.get(id)?.snapshots.length ?? 0) > 0);
  const epochs = [...new Set(shown.flatMap(({ id }) => details.get(id)!.snapshots.map(({ epoch }) => epoch)))].sort(
    (a, b) => a - b,
  );
  const requested = Number(address.get("epoch"));
  const index = Number.isFinite(requested) && requested > 0 ? closest(epochs, requested) : epochs.length - 1;
  const [playing, setPlaying] = useState(false);
  const go = (next: number) => address.set({ epoch: next === epochs.length - 1 ? undefined : String(epochs[next]) });
  useEffect(() => {
    if (!playing) return;
    const timer = setTimeout(() => {
      if (index + 1 >= epochs.length) setPlaying(false);
      else go(index + 1);
    }, MILLISECONDS_A_PICTURE);
    return () => clearTimeout(timer);
  });
  if (chosen.length > 0 && details.size === chosen.length && shown.length === 0) {
    return (
      <p class="empty">
        These runs have no adversarial examples. Either their methods do not make any, or the first epoch is not done.
      </p>
    );
  }
  return (
    <section aria-label="Adversarial examples">
      {epochs.length > 0 && (
        <div class="bar">
          <button
            type="button"
            onClick={() => {
              if (!playing && index === epochs.length - 1) go(0);
              setPlaying(!playing);
            }}
          >
            {playing ? "Pause" : "Play"}
          </button>
          <label class="wide">
            After epoch
            <input
              type="range"
              min="0"
              max={epochs.length - 1}
              step="1"
              value={index}
              aria-valuetext={`epoch ${epochs[index]}`}
              onInput={(event) => go(Number(event.currentTarget.value))}
            />
            <output>{epochs[index]}</output>
          </label>
        </div>
      )}
      {shown.map((run) => {
        const { snapshots } = details.get(run.id)!;
        const snapshot = snapshots.findLast(({ epoch }) => epoch <= epochs[index]) ?? snapshots[0];
        return (
          <section key={run.id} aria-label={names.get(run.id)}>
            <h2>
              <span class="swatch" style={{ background: colours.get(run.id) }} /> {names.get(run.id)}
              <small>after epoch {snapshot.epoch}</small>
              <CsvButton onClick={() => savePredictions(names.get(run.id)!, snapshots)}>
                of the predictions of {names.get(run.id)}
              </CsvButton>
            </h2>
            <Snapshot
              source={`files/images?run=${encodeURIComponent(run.id)}&name=${snapshot.file}&version=${run.versions.images}`}
              snapshot={snapshot}
            />
          </section>
        );
      })}
      {shown.length > 0 && (
        <p class="note">
          In a perturbation, grey means no change; black and white are{" "}
          {scalesOf(shown.map(({ id }) => details.get(id)!))}.
        </p>
      )}
    </section>
  );
}

/** What black and white are in perturbations: see `snapshotOf` of src/recipes/build/method-step.ts. */
function scalesOf(runs: readonly RunDetails[]): string {
  const l2 = runs.filter(({ recipe }) => recipe["attack.norm"] === "l2").length;
  return [
    ...(l2 < runs.length ? ["the largest change that the attack may make"] : []),
    ...(l2 > 0 ? ["for an attack in the L2 norm, three times the root mean square of its largest change"] : []),
  ].join("; ");
}

const closest = (sorted: readonly number[], value: number): number =>
  Math.max(
    0,
    sorted.findLastIndex((one) => one <= value),
  );

function Snapshot({ source, snapshot }: { readonly source: string; readonly snapshot: SnapshotEntry }) {
  const [grid, setGrid] = useState<Grid>();
  const image = useRef<HTMLImageElement>(null);
  useEffect(() => {
    const loading = new Image();
    image.current = loading;
    loading.onload = () => {
      if (image.current === loading) setGrid(gridOf(source, loading));
    };
    loading.src = source;
  }, [source]);
  if (grid === undefined) return <div class="examples waiting" />;
  const images = (snapshot.predictions as SnapshotFile | undefined)?.images;
  return (
    <ol class="examples">
      {Array.from({ length: grid.columns }, (_, column) => {
        const example = images?.[column];
        return (
          <li key={column} class="card">
            {example && <h3>{example.label}</h3>}
            <div class="triple">
              {ROWS.map((name, row) => (
                <figure key={name}>
                  <div
                    class="cell"
                    role="img"
                    aria-label={`${name} image ${column + 1}`}
                    style={cellStyle(grid, column, row)}
                  />
                  <figcaption>{name}</figcaption>
                </figure>
              ))}
            </div>
            {example && <Predictions label={example.label} clean={example.clean} adversarial={example.adversarial} />}
          </li>
        );
      })}
    </ol>
  );
}

type ByRoute = Readonly<Record<string, SnapshotPrediction>>;

interface PredictionsProps {
  readonly label: string;
  readonly clean: ByRoute;
  readonly adversarial: ByRoute;
}

/** The predictions for the clean and the adversarial image through each batch norm route. */
function Predictions({ label, clean, adversarial }: PredictionsProps) {
  const cell = (prediction: SnapshotPrediction | undefined) => (
    <td class={prediction?.class === label ? "right" : "wrong"}>
      {prediction &&
        `${prediction.class === label ? "✓" : "✕"} ${prediction.class} ${percent(prediction.probability, 0)}`}
    </td>
  );
  return (
    <table class="predictions">
      <thead class="unseen">
        <tr>
          <th scope="col">clean image predicted as</th>
          <th scope="col">batch norms</th>
          <th scope="col">adversarial image predicted as</th>
        </tr>
      </thead>
      <tbody>
        {Object.keys(clean).map((route) => (
          <tr key={route}>
            {cell(clean[route])}
            <th scope="row">{route}</th>
            {cell(adversarial[route])}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A picture and its layout. */
interface Grid extends GridLayout {
  readonly source: string;
  readonly width: number;
  readonly height: number;
}

function gridOf(source: string, { naturalWidth: width, naturalHeight: height }: HTMLImageElement): Grid | undefined {
  const layout = gridLayout(width, height, ROWS.length);
  return layout && { source, width, height, ...layout };
}

/** CSS that shows one square of the picture as a background of any size. */
function cellStyle({ source, width, height, cell, zoom: gap }: Grid, column: number, row: number) {
  const side = cell - gap;
  const share = (offset: number, whole: number) => `${(100 * offset) / (whole - side)}%`;
  return {
    backgroundImage: `url("${source}")`,
    backgroundSize: `${(100 * width) / side}% ${(100 * height) / side}%`,
    // Photos are shrunk, small images enlarged.
    imageRendering: side > 200 ? "auto" : "pixelated",
    backgroundPosition: `${share(gap + column * cell, width)} ${share(gap + row * cell, height)}`,
  };
}

function savePredictions(name: string, snapshots: readonly SnapshotEntry[]): void {
  const lines = snapshots.flatMap(({ epoch, predictions }) =>
    ((predictions as SnapshotFile | undefined)?.images ?? []).flatMap(({ label, ...images }, i) =>
      (["clean", "adversarial"] as const).flatMap((kind) =>
        Object.entries(images[kind]).map(([route, one]) => [
          epoch,
          i + 1,
          label,
          kind,
          route,
          one.class,
          one.probability,
        ]),
      ),
    ),
  );
  saveCsv(`examples ${name}`, [["epoch", "image", "label", "kind", "norms", "prediction", "probability"], ...lines]);
}
