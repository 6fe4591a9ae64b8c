/** The keys of a batch's random draws. */
import { fromArray, scope, type Tensor } from "../tensor/index.js";
import { channelsLast, concat, type DrawKey, rows, rowsAt } from "../tensor/operators.js";

/**
 * Every draw is a pure function of (seed, purpose, stream, epoch, sample, draw), so that a sample's draws depend neither on
 * the other samples of its batch nor on how often the run was stopped.
 */
export interface SampleKeys {
  readonly seed: number;
  readonly epoch: number;
  /** int64 [N]: the identity of each sample in its data set */
  readonly samples: Tensor;
  /** (N) how often the epoch visited each sample before, part of the stream of its draws; absent where all are first visits. */
  readonly repeats?: readonly number[];
}

/** Streams of a purpose that one visit of a sample may use: the parts of a network or of a draw, told apart. */
const STREAMS_OF_A_VISIT = 128;
/** A stream is below 2^24. More visits than this in one epoch begin again with the draws of the first. */
const VISITS = 2 ** 24 / STREAMS_OF_A_VISIT;

/**
 * Draws for each sample of a batch: visit r of a sample has the stream s + 128 r, s that of the first.
 *
 * @param stream in [0, 128)
 * @param draw   gives [n, ...] for n samples and the key of their draws
 * @returns [N, ...]
 */
export function drawFor(
  { seed, epoch, samples, repeats }: SampleKeys,
  { purpose, stream = 0 }: { readonly purpose: number; readonly stream?: number },
  draw: (samples: Tensor, key: DrawKey) => Tensor,
): Tensor {
  const key = { seed, epoch, purpose, stream };
  if (repeats === undefined) return draw(samples, key);
  return scope(() => {
    const places = new Map<number, number[]>();
    for (const [place, repeat] of repeats.entries()) {
      places.set(repeat % VISITS, [...(places.get(repeat % VISITS) ?? []), place]);
    }
    const parts = Array.from(places, ([repeat, at]) =>
      draw(rowsAt(samples, indices(at, samples)), { ...key, stream: stream + STREAMS_OF_A_VISIT * repeat }),
    );
    const inOrder: number[] = [];
    for (const [row, place] of [...places.values()].flat().entries()) inOrder[place] = row;
    return channelsLast(rowsAt(concat(parts), indices(inOrder, samples)));
  });
}

const indices = (values: readonly number[], { device }: Tensor) => fromArray(values, [values.length], "int64", device);

/** The keys of the samples from row `start` up to row `end`. */
export const keysOfRows = (keys: SampleKeys, start: number, end: number): SampleKeys => ({
  ...keys,
  samples: rows(keys.samples, start, end),
  repeats: keys.repeats?.slice(start, end),
});

/** The keys of the samples at some places, which `at` holds as int64 [n] too. */
export const keysAt = (keys: SampleKeys, places: readonly number[], at: Tensor): SampleKeys => ({
  ...keys,
  samples: rowsAt(keys.samples, at),
  repeats: keys.repeats && places.map((place) => keys.repeats![place]),
});

/** The keys of a batch that holds each sample twice, one half after the other. */
export const keysTwice = (keys: SampleKeys): SampleKeys => ({
  ...keys,
  samples: concat([keys.samples, keys.samples]),
  repeats: keys.repeats && [...keys.repeats, ...keys.repeats],
});
