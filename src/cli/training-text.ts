/** What a training will do, in words. */
import { defaultEpsilon, epsilonSource } from "../attacks/strength.js";
import { asFraction } from "../recipes/rules.js";
import type { ResolvedRecipe } from "../recipes/schema.js";
import { METHOD_TRAITS } from "../training/method-traits.js";

/** The attack of a training with its strength and where that is from, and the smoothing of its labels; a line each. */
export function describeStrength({ method, model, attack, training }: ResolvedRecipe): string[] {
  const { labelSmoothing, adversarialLabelSmoothing } = training;
  const { perturbation, cleanLoss } = METHOD_TRAITS[method];
  const ofAdversarial = adversarialLabelSmoothing ?? labelSmoothing;
  const lines: string[] = [];
  if (attack === undefined) {
    lines.push(`Attack: none, as ${method} trains on clean images.`);
  } else {
    const { norm, epsilon } = attack;
    const own = norm === "linf" && epsilon === defaultEpsilon(model);
    const source = own ? ` This epsilon is the default of ${model}: ${epsilonSource(model)}.` : "";
    const parts = [norm, `epsilon ${asFraction(epsilon)}`];
    if ("steps" in attack)
      parts.push(`${attack.steps} ${attack.steps === 1 ? "step" : "steps"} of ${asFraction(attack.stepSize)}`);
    if ("target" in attack) parts.push(attack.target === "random" ? "random target" : "untargeted");
    lines.push(`${"name" in attack ? `Attack: ${attack.name},` : "Noise:"} ${parts.join(", ")}.${source}`);
  }
  if (perturbation !== "none" && cleanLoss && ofAdversarial !== labelSmoothing) {
    lines.push(`Label smoothing: ${labelSmoothing} of clean images, ${ofAdversarial} of adversarial ones.`);
  } else if (labelSmoothing > 0) {
    lines.push(`Label smoothing: ${labelSmoothing}${perturbation !== "none" && cleanLoss ? ", in both losses" : ""}.`);
  }
  return lines;
}
