/** Learning rates over a run: each schedule is a pure function of the step. */

/** The learning rate of a step, counted from 0 to totalSteps - 1. */
export type Schedule = (step: number) => number;

/** The common options of all schedules. Steps may be fractions, because the warm-up is a share of the run. */
export interface ScheduleFrame {
  /** The highest learning rate. */
  readonly peak: number;
  readonly totalSteps: number;
  /** Steps of linear warm-up from 0: the rate is peak * step / warmupSteps while step < warmupSteps. */
  readonly warmupSteps: number;
}

/** Linear warm-up from 0 to the peak, then another schedule. That schedule also gets the step counted from the start of the run. */
function withWarmup({ peak, warmupSteps }: ScheduleFrame, schedule: Schedule): Schedule {
  return (step) => (step < warmupSteps ? (peak * step) / warmupSteps : schedule(step));
}

/**
 * After warm-up: floor + (peak - floor) * (1 + cos(pi * (step - warmupSteps) / (totalSteps - warmupSteps))) / 2,
 * floor = finalFactor * peak. The floor would be reached one step after the last.
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

/**
 * After warm-up: peak * decay^floor(step / decaySteps). The decays are counted from step 0, so those during the warm-up count too.
 *
 * Source: the official EfficientNet trainer (tensorflow/tpu, models/official/efficientnet/utils.py): decay 0.97 every 2.4
 * epochs
 */
export function exponential(
  frame: ScheduleFrame,
  { decay, decaySteps }: { readonly decay: number; readonly decaySteps: number },
): Schedule {
  return withWarmup(frame, (step) => frame.peak * decay ** Math.floor(step / decaySteps));
}

/** After warm-up: peak * gamma^(number of milestones up to and including the step). Milestones are steps. */
export function multiStep(
  frame: ScheduleFrame,
  { milestones, gamma }: { readonly milestones: readonly number[]; readonly gamma: number },
): Schedule {
  return withWarmup(frame, (step) => frame.peak * gamma ** milestones.filter((milestone) => step >= milestone).length);
}

/**
 * For three tenths of the run a linear rise from peak / 25 to the peak, then a half cosine down to peak / 10000.
 *
 * Source: Smith and Topin 2018, https://arxiv.org/abs/1708.07120; shares and factors of fastai and
 * torch.optim.lr_scheduler.OneCycleLR. Departure: the rise is linear as in the paper, not a cosine as in
 * those, and the momentum is constant
 */
export function oneCycle({ peak, totalSteps }: Pick<ScheduleFrame, "peak" | "totalSteps">): Schedule {
  const rise = 0.3 * totalSteps;
  const fall = cosine({ peak, totalSteps, warmupSteps: rise }, 1e-4);
  return (step) => (step < rise ? peak / 25 + ((peak - peak / 25) * step) / rise : fall(step));
}
