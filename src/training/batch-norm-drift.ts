/** Measures how much the running statistics of the auxiliary routes differ from the main ones, which is why AdvProp separates them. */
import type { Classifier } from "../models/classifier.js";
import { MAIN_ROUTE } from "../nn/context.js";
import { type BatchNorm, RoutedBatchNorm } from "../nn/routed-batch-norm.js";
import type { BatchNormDriftRecord } from "../runs/schema.js";

/** One record for each auxiliary route. The run schema defines the measures. */
export function batchNormDrift(
  { network, specification }: Classifier,
  { step, epoch }: { readonly step: number; readonly epoch: number },
): BatchNormDriftRecord[] {
  return specification.routes.map((route) => ({
    step,
    epoch,
    route,
    layers: Array.from(network.namedModules()).flatMap(([name, module]) => {
      if (!(module instanceof RoutedBatchNorm)) return [];
      const main = read(module.norm(MAIN_ROUTE));
      const other = read(module.norm(route));
      return [
        {
          name,
          mean: rootMeanSquare(main.mean.map((value, c) => (other.mean[c] - value) / main.scale[c])),
          logVariance: rootMeanSquare(main.scale.map((value, c) => 2 * Math.log(other.scale[c] / value))),
        },
      ];
    }),
  }));
}

const rootMeanSquare = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((total, value) => total + value * value, 0) / values.length);

/** `scale` is what the norm divides by. With its epsilon, because published weights have channels whose variance is zero. */
const read = ({ runningMean, runningVariance, options }: BatchNorm) => ({
  mean: runningMean.value.toNumbers(),
  scale: runningVariance.value.toNumbers().map((variance) => Math.sqrt(variance + options.epsilon)),
});
