/** Draws of a sample that an epoch visits again: its later visits draw anew, its first one and all others as ever. */
import { describe, expect, test } from "vitest";
import { restarted } from "../../src/attacks/evaluation/in-turn.js";
import { inMicroBatches } from "../../src/attacks/micro-batches.js";
import { drawStart } from "../../src/attacks/start.js";
import { randomTargets } from "../../src/attacks/target.js";
import { l2, linf } from "../../src/attacks/threat-model.js";
import { labelsTensor } from "../../src/models/pixels.js";
import { EVAL } from "../../src/nn/context.js";
import { keysTwice, type SampleKeys } from "../../src/nn/keys.js";
import { dropout } from "../../src/nn/layers/dropout.js";
import { stochasticDepth } from "../../src/nn/layers/stochastic-depth.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { scope, type Tensor } from "../../src/tensor/index.js";
import { concat, full } from "../../src/tensor/operators.js";

const [SEED, EPOCH] = [4, 3];
const SAMPLES = [7, 2, 7, 9, 7, 7];
const REPEATS = [0, 0, 2, 0, 1, 3];
const COUNT = SAMPLES.length;
const keysOf = (repeats?: readonly number[]): SampleKeys => ({
  seed: SEED,
  epoch: EPOCH,
  samples: labelsTensor(SAMPLES),
  repeats,
});
const passOf = (keys: SampleKeys) => ({ ...EVAL, route: "main", stochastic: true, keys });
const images = () => full([COUNT, 3, 8, 8], 0.5);

/** Everything that training draws for a batch. */
const DRAWS: Readonly<Record<string, (keys: SampleKeys) => Tensor>> = {
  target: (keys) => randomTargets(labelsTensor(new Array<number>(COUNT).fill(0)), 1000, keys),
  "start in L-infinity": (keys) => linf(0.1).start(images(), keys),
  "start in L2": (keys) => l2(0.1).start(images(), keys),
  "start from the clean image": (keys) => drawStart(linf(0.1), images(), keys, 0.5),
  dropout: (keys) => dropout(full([COUNT, 64], 1), 0.5, passOf(keys)),
  // Of 32 blocks, since a draw of one has two outcomes.
  "stochastic depth": (keys) =>
    concat(
      Array.from({ length: 32 }, (_, block) => stochasticDepth(full([COUNT, 1, 1, 1], 1), 0.5, block, passOf(keys))),
      1,
    ),
};

/** The values of each image. */
function byImage(tensor: Tensor): string[] {
  const values = tensor.toNumbers();
  const size = values.length / COUNT;
  return Array.from({ length: COUNT }, (_, n) => values.slice(n * size, (n + 1) * size).join());
}

describe.each(Object.entries(DRAWS))("%s", (_name, draw) => {
  test("differs between the visits of a sample, and is that of a sample alone at its first", () => {
    scope(() => {
      const alone = byImage(draw(keysOf()));
      const actual = byImage(draw(keysOf(REPEATS)));
      const again = [2, 4, 5].map((n) => actual[n]);
      expect(new Set([actual[0], ...again]).size).toBe(4);
      for (const n of [0, 1, 3]) expect(actual[n]).toBe(alone[n]);
      // Without repeats the visits are alike, as in evaluation.
      expect(new Set([0, 2, 4, 5].map((n) => alone[n])).size).toBe(1);
      // A visit's draws depend on no other place of the batch.
      expect(byImage(draw(keysOf([1, 0, 1, 0, 1, 1])))[0]).toBe(actual[4]);
    });
  });
});

test("visit r of a sample has the stream s + 128 r of its purpose", () => {
  scope(() => {
    const actual = stochasticDepth(full([COUNT, 1, 1, 1], 1), 0.5, 5, passOf(keysOf(REPEATS))).toNumbers();
    expect(actual).toEqual(
      SAMPLES.map((sample, n) => {
        const random = new KeyedRandom(SEED, Purpose.stochasticDepth, EPOCH, sample, 5 + 128 * REPEATS[n]);
        return random.uniform(0) < 0.5 ? 2 : 0;
      }),
    );
  });
});

test("attacks in parts and in turn, and batches that hold images twice, keep the visits", () => {
  scope(() => {
    const seen: (readonly number[])[] = [];
    const attack = {
      perturb: (_logits: unknown, x: Tensor, _labels: Tensor, { repeats = [] }: SampleKeys) => {
        seen.push(repeats);
        return x;
      },
    };
    // Of equal logits the first wins, so that the images 2 and 4 alone are classified right.
    const labels = labelsTensor([1, 1, 0, 1, 0, 1]);
    const logits = (x: Tensor) => full([x.shape[0], 2], 0);
    inMicroBatches(attack, 4).perturb(logits, images(), labels, keysOf(REPEATS));
    expect(seen).toEqual([REPEATS.slice(0, 3), REPEATS.slice(3)]);
    seen.length = 0;
    restarted(attack, 2).perturb(logits, images(), labels, keysOf(REPEATS));
    expect(seen).toEqual([REPEATS, [2, 1]]);
    expect(keysTwice(keysOf(REPEATS)).repeats).toEqual([...REPEATS, ...REPEATS]);
  });
});
