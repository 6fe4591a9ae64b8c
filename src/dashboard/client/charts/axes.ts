/** The x axis of curves: steps, epochs, or minutes of training. */
import type { SeriesData } from "../../wire.js";

export const X_AXES = ["epoch", "step", "minutes"] as const;
export type XAxis = (typeof X_AXES)[number];

/** Converts steps to positions on an axis and back, linearly between the ends of the epochs. */
export interface StepScale {
  to(step: number): number;
  from(position: number): number;
}

const SAME: StepScale = { to: (step) => step, from: (position) => position };

/**
 * @param seconds the duration of each epoch, at its last step; undefined before the first epoch is done
 * @returns       undefined if the axis has epochs or minutes and no epoch is done: nothing tells then how many steps an epoch has
 */
export function stepScale(axis: XAxis, seconds: SeriesData | undefined): StepScale | undefined {
  if (axis === "step") return SAME;
  if (seconds === undefined || seconds.step.length === 0) return undefined;
  const steps = [0, ...seconds.step];
  const positions = [0];
  // The number of epochs in a bucket follows from the number of its steps.
  const perEpoch = seconds.step[0] / bucketSize(seconds);
  for (let i = 1; i < steps.length; i++) {
    const epochs = (steps[i] - steps[i - 1]) / perEpoch;
    positions.push(positions[i - 1] + (axis === "epoch" ? epochs : (seconds.mean[i - 1] * epochs) / 60));
  }
  return { to: (step) => between(steps, positions, step), from: (position) => between(positions, steps, position) };
}

/** Number of epochs in a bucket of a downsampled series: one, unless the series has smallest and largest values. */
const bucketSize = ({ step, least }: SeriesData): number =>
  least === undefined || step.length < 3 ? 1 : Math.max(1, Math.round(step[0] / (step[1] - step[0])));

/** Linear interpolation; beyond the end the last piece is extended. */
function between(from: readonly number[], to: readonly number[], value: number): number {
  let [low, high] = [1, from.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (from[middle] >= value) high = middle;
    else low = middle + 1;
  }
  const width = from[low] - from[low - 1];
  return width === 0 ? to[low] : to[low - 1] + ((value - from[low - 1]) / width) * (to[low] - to[low - 1]);
}
