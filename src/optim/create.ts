/** Creates an optimiser and a schedule from the sections of a recipe. */
import { AdamW, type AdamWOptions } from "./adamw.js";
import type { NamedParameter, Optimizer, WeightDecay } from "./optimizer.js";
import { RmsProp, type RmsPropOptions } from "./rmsprop.js";
import { cosine, exponential, multiStep, oneCycle, type Schedule } from "./schedule.js";
import { Sgd, type SgdOptions } from "./sgd.js";

/** The name of an optimiser, with its options. */
export type OptimizerOptions = (
  | ({ readonly name: "sgd" } & SettingsOf<SgdOptions>)
  | ({ readonly name: "rmsprop" } & SettingsOf<RmsPropOptions>)
  | ({ readonly name: "adamw" } & SettingsOf<AdamWOptions>)
) & {
  /** Whether weight decay also applies to the scales and shifts of norm layers; it always applies to the biases of other layers. */
  readonly weightDecayOnNorm: boolean;
};

type SettingsOf<Options> = Omit<Options, "decays">;

/** @throws ERR_OPTIMIZER as {@link Sgd}, {@link RmsProp} and {@link AdamW} */
export function createOptimizer(options: OptimizerOptions, parameters: readonly NamedParameter[]): Optimizer {
  const decays: WeightDecay["decays"] = ({ kind }) => options.weightDecayOnNorm || kind !== "norm";
  switch (options.name) {
    case "sgd":
      return new Sgd(parameters, { ...options, decays });
    case "rmsprop":
      return new RmsProp(parameters, { ...options, decays });
    case "adamw":
      return new AdamW(parameters, { ...options, decays });
  }
}

/** The name of a schedule, with its options in epochs and shares of the run. */
export type ScheduleOptions =
  | { readonly name: "cosine"; readonly warmupFraction: number; readonly finalFactor: number }
  | {
      readonly name: "exponential";
      readonly warmupFraction: number;
      readonly decay: number;
      /** null takes {@link DECAY_SHARE} of the run. */
      readonly decayEpochs: number | null;
    }
  | {
      readonly name: "multi-step";
      readonly warmupFraction: number;
      /** In epochs; null takes {@link MILESTONE_SHARES} of the run. */
      readonly milestones: readonly number[] | null;
      readonly gamma: number;
    }
  | { readonly name: "one-cycle" };

/** The length and the highest rate of a run. */
export interface RunLength {
  readonly peak: number;
  /** Number of updates of the whole run. */
  readonly totalSteps: number;
  readonly epochs: number;
}

/** 2.4 epochs of 350, as the published EfficientNets were trained. */
const DECAY_SHARE = 2.4 / 350;
/** 32k and 48k of 64k steps: He et al. 2016, section 4.2, https://arxiv.org/abs/1512.03385 */
const MILESTONE_SHARES = [1 / 2, 3 / 4];

export function createSchedule(options: ScheduleOptions, { peak, totalSteps, epochs }: RunLength): Schedule {
  if (options.name === "one-cycle") return oneCycle({ peak, totalSteps });
  const frame = { peak, totalSteps, warmupSteps: options.warmupFraction * totalSteps };
  const stepsPerEpoch = totalSteps / epochs;
  switch (options.name) {
    case "cosine":
      return cosine(frame, options.finalFactor);
    case "exponential":
      return exponential(frame, {
        decay: options.decay,
        decaySteps: (options.decayEpochs ?? DECAY_SHARE * epochs) * stepsPerEpoch,
      });
    case "multi-step": {
      const milestones = options.milestones ?? MILESTONE_SHARES.map((share) => share * epochs);
      return multiStep(frame, { gamma: options.gamma, milestones: milestones.map((epoch) => epoch * stepsPerEpoch) });
    }
  }
}
