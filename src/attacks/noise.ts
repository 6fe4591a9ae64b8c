/** Random noise of an attack's size: the control that tells what the adversary does from what any perturbation does. */
import { scope } from "../tensor/index.js";
import type { Attack } from "./attack.js";
import type { ThreatModel } from "./threat-model.js";

/** A random point of the ball, the start of PGD. The network is never asked. */
export function noise(threatModel: ThreatModel): Attack {
  return { perturb: (_logits, images, _labels, keys) => scope(() => threatModel.start(images, keys)) };
}
