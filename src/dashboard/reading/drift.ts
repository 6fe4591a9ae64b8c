/** Reads batch-norm-drift.jsonl for charts, by route, layer and epoch. */

import type { DriftData } from "../wire.js";
import { LineFollower } from "./line-follower.js";
import { numberOf, objectOf, textOf } from "./read-json.js";
import { parseRecord } from "./records.js";

/** Largest number of epochs per route. If there are more, every second one is dropped, repeatedly, but never the last. */
const MOST_EPOCHS = 200;

interface Point {
  readonly epoch: number;
  readonly layers: ReadonlyMap<string, readonly [mean: number | null, logVariance: number | null]>;
}

class Route {
  readonly #points: Point[] = [];
  readonly #names = new Set<string>();
  #every = 1;
  #count = 0;
  #last: Point | undefined;

  add(point: Point): void {
    for (const name of point.layers.keys()) this.#names.add(name);
    if (this.#count++ % this.#every === 0) this.#points.push(point);
    this.#last = point;
    if (this.#points.length < MOST_EPOCHS) return;
    this.#points.splice(0, MOST_EPOCHS, ...this.#points.filter((_, i) => i % 2 === 0));
    this.#every *= 2;
  }

  data(route: string): DriftData {
    const last = this.#last === undefined || this.#points.at(-1) === this.#last ? [] : [this.#last];
    const points = [...this.#points, ...last];
    const layers = [...this.#names];
    const of = (which: 0 | 1) => layers.map((name) => points.map((point) => point.layers.get(name)?.[which] ?? null));
    return { route, epochs: points.map(({ epoch }) => epoch), layers, mean: of(0), logVariance: of(1) };
  }
}

/** @param path the file; if it does not exist, there are no routes */
export async function readDrift(path: string): Promise<DriftData[]> {
  const routes = new Map<string, Route>();
  const add = (line: string) => {
    const record = parseRecord(line);
    if (record === undefined || !Array.isArray(record.fields.layers)) return;
    const name = textOf(record.fields.route) ?? "aux";
    const layers = new Map<string, readonly [number | null, number | null]>();
    for (const layer of record.fields.layers.map(objectOf)) {
      const layerName = textOf(layer?.name);
      if (layerName === undefined) continue;
      layers.set(layerName, [rounded(layer?.mean), rounded(layer?.logVariance)]);
    }
    const route = routes.get(name) ?? new Route();
    routes.set(name, route);
    route.add({ epoch: record.epoch ?? record.step, layers });
  };
  await new LineFollower(path).read(add, () => routes.clear());
  return [...routes].map(([name, route]) => route.data(name));
}

function rounded(value: unknown): number | null {
  const number = numberOf(value);
  return number === undefined ? null : Number(number.toPrecision(5));
}
