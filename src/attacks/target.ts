/** The target classes of targeted attacks. */
import { UsageError } from "../errors.js";
import { drawFor, type SampleKeys } from "../nn/keys.js";
import { Purpose } from "../random.js";
import type { Tensor } from "../tensor/index.js";
import { add, keyedIntegers, remainder } from "../tensor/operators.js";

/** "random": a class drawn uniformly from all but the label. "none": untargeted, away from the label. */
export type Target = "random" | "none";

/**
 * Random targets that are never the label: (label + 1 + uniform integer in [0, K - 1)) mod K.
 *
 * Source: "AdvProp uses targeted attack where the target label is randomly sampled from the wrong classes", Mei et al.
 * 2022, Fast AdvProp, https://arxiv.org/abs/2204.09838
 *
 * @param labels int64 [N] in [0, classes)
 * @returns      int64 [N] in [0, classes)
 * @throws ERR_CLASSES there is no other class
 */
export function randomTargets(labels: Tensor, classes: number, keys: SampleKeys): Tensor {
  if (classes < 2) throw new UsageError("ERR_CLASSES", `randomTargets: at least 2 classes are needed; got ${classes}`);
  const offset = drawFor(keys, { purpose: Purpose.attackTarget }, (samples, key) =>
    keyedIntegers(samples, classes - 1, key),
  );
  return remainder(add(add(labels, 1), offset), classes);
}
