/** Learning rates over a run: each schedule is a pure function of the step. */

/** The learning rate of a step, counted from 0 to totalSteps - 1. */
export type Schedule = (step: number) => number;

/** What every schedule is made from. Steps may be fractions: a warm-up is a share of the run. */
export interface ScheduleFrame {
  /** The highest learning rate. */
  readonly peak: number;
  readonly totalSteps: number;
  /** Steps of linear warm-up from 0: the rate is peak * step / warmupSteps while step < warmupSteps. */
  readonly warmupSteps: number;
}

/** Linear warm-up from 0 to the peak, then another schedule, which sees the step counted from the start of the run. */
export function withWarmup({ peak, warmupSteps }: ScheduleFrame, schedule: Schedule): Schedule {
  return (step) => (step < warmupSteps ? (peak * step) / warmupSteps : schedule(step));
}

/**
 * After warm-up: floor + (peak - floor) * (1 + cos(pi * (step - warmupSteps) / (totalSteps - warmupSteps))) / 2,
 * floor = finalFactor * peak. The last step is the last before the floor.
 *
 * Source: Loshchilov and Hutter 2017, SGDR, equation 5, https://arxiv.org/abs/1608.03983
 */
export function cosine(frame: ScheduleFrame, finalFactor = 0): Schedule {
  const { peak, totalSteps, warmupSteps } = frame;
  const floor = finalFactor * peak;
  return withWarmup(frame, (step) => {
    const progress = (step - warmupSteps) / (totalSteps - warmupSteps);
    return floor + ((peak - floor) * (1 + Math.cos(Math.PI * progress))) / 2;
  });
}
