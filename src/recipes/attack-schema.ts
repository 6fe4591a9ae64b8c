/** The keys of a recipe's attack. */

import { z } from "zod";
import { type COMMON_KEYS, type OwnAttack, type OwnAttackName, registeredAttacks } from "../attacks/registered.js";
import { attackSteps, defaultEpsilon } from "../attacks/strength.js";
import type { Perturbation } from "../training/methods/method-traits.js";
import { asFraction, countOrNull, distanceOrNull, flag, named, number, oneOf, section, share, unit } from "./rules.js";

/** The keys of the ball that bounds every attack. */
const ball = {
  /** The norm that bounds the perturbation. */
  norm: oneOf(["linf", "l2"]).default("linf"),
  /** Radius, with pixels in [0, 1]; null takes the network's default, 1/255 to 4/255 ({@link defaultEpsilon}), or 0.5 in the L2 norm. */
  epsilon: distanceOrNull.default(null),
};

/** For an attack of several steps. */
const steps = {
  /** Size of a step, with pixels in [0, 1]; null takes 1/255 or, if it is larger, epsilon / steps; 2.5 epsilon / steps in the L2 norm. */
  stepSize: distanceOrNull.default(null),
  /** Number of steps; null takes 255 epsilon + 1, but 1 if epsilon is 1/255 or less ({@link attackSteps}); 5 in the L2 norm. */
  steps: countOrNull.default(null),
};

const start = {
  /** Whether the attack starts at a random point of the ball rather than at the image. */
  randomStart: flag.default(true),
  /** With a random start: the probability that an image starts from itself anyway. */
  cleanStartProbability: unit.default(0),
};

/** The keys that every attack has. */
const common = {
  /** random aims at a random wrong class; none is untargeted: it leads away from the true class. */
  target: oneOf(["random", "none"]).default("random"),
  /** The statistics that the attacked batch norms use. */
  statistics: oneOf(["running", "batch"]).default("running"),
  /** Whether dropout and stochastic depth are active during the attack. */
  stochastic: flag.default(false),
  /** Smoothing of the labels or targets of the attack's own loss. The attack of meijieru/fast_advprop uses that of the training loss. */
  labelSmoothing: share.default(0),
};

const pgd = withinPixels(section({ name: z.literal("pgd"), ...ball, ...steps, ...start, ...common }));
const iFgsm = withinPixels(section({ name: z.literal("i-fgsm"), ...ball, ...steps, ...common }));
const gd = withinPixels(section({ name: z.literal("gd"), ...ball, ...steps, ...start, ...common }));
const fgsm = withinPixels(section({ name: z.literal("fgsm"), ...ball, ...common }));

/** The keys of every registered attack. */
const ofEveryOwn = { ...ball, ...steps, ...start, ...common } satisfies Record<
  Exclude<(typeof COMMON_KEYS)[number], "name">,
  z.ZodType
>;

type OwnShape = typeof ofEveryOwn & { readonly name: z.ZodType<OwnAttackName, OwnAttackName> };
/** Its parameters may have any name. */
type OwnSection = z.ZodObject<OwnShape, z.core.$catchall<z.ZodType<unknown, unknown>>>;

/** The section of a registered attack: see `registerAttack`. */
function ownSection({ name, parameters = {} }: OwnAttack): OwnSection {
  const own = Object.entries(parameters).map(([key, value]) => [key, number.default(value)]);
  const shape = { name: z.literal(name), ...ofEveryOwn, ...Object.fromEntries(own) };
  return withinPixels(section(shape)) as unknown as OwnSection;
}

type Written = z.output<typeof pgd | typeof iFgsm | typeof gd | typeof fgsm | OwnSection>;

/** The attack with a number in place of each null. */
type WithStrength<A extends Written> = A extends unknown
  ? { readonly [Key in keyof A]: Key extends "epsilon" | "stepSize" | "steps" ? number : A[Key] }
  : never;

/** An attack whose strength is decided. */
export type ResolvedAttack = WithStrength<Written>;

/** The size of noise, or of the one step of Fast AdvProp. */
export interface ResolvedNoise {
  readonly norm: Written["norm"];
  readonly epsilon: number;
  /** Only for Fast AdvProp: the size of its one step. */
  readonly stepSize?: number;
}

/** The attack's section of a recipe. */
export const attack = named(pgd, iFgsm, gd, fgsm);

/** The same, with the attacks that have been registered until now. */
export const attackWithOwn = () => named(pgd, iFgsm, gd, fgsm, ...registeredAttacks().map(ownSection));

/** An attack as it is written: its name (by default pgd) and the values that differ from the defaults. */
export type AttackSpec = z.input<ReturnType<typeof attackWithOwn>>;

/** The attack or noise of a method. Its strength is the default of the network if the recipe gives none. */
export function resolvedAttack(
  written: Written,
  perturbation: Perturbation,
  model: string,
): ResolvedAttack | ResolvedNoise | undefined {
  if (perturbation === "none" || perturbation === "copy") return undefined;
  const { norm } = written;
  const epsilon = written.epsilon ?? (norm === "l2" ? 0.5 : defaultEpsilon(model));
  if (perturbation === "single-step") {
    // As in the published code, a step is at least epsilon / steps, so that the steps can reach the ball's surface.
    return { norm, epsilon, stepSize: ("stepSize" in written ? written.stepSize : null) ?? epsilon };
  }
  return perturbation === "attack" ? withStrength(written, epsilon) : { norm, epsilon };
}

/** Fills in the steps: the paper's values in the L-infinity norm, our own values in the L2 norm, which the paper does not use. */
function withStrength(written: Written, epsilon: number): ResolvedAttack {
  if (written.name === "fgsm") return { ...written, epsilon };
  const l2 = written.norm === "l2";
  const count = written.steps ?? (l2 ? 5 : attackSteps(epsilon));
  // Fewer steps than the default are longer, so that they too can reach the ball's surface.
  const size = l2 ? (2.5 * epsilon) / count : Math.max(1 / 255, epsilon / count);
  return { ...written, epsilon, stepSize: written.stepSize ?? size, steps: count };
}

/** Requires L-infinity distances below 1, the range of a pixel. The check also runs if the section has other mistakes. */
function withinPixels<S extends z.ZodObject>(attackSection: S): S {
  return (["epsilon", "stepSize"] as const).reduce(
    (checked, key) =>
      checked.refine((value: Record<string, unknown>) => value.norm === "l2" || !(Number(value[key]) >= 1), {
        path: [key],
        when: () => true,
        error: ({ input }) => {
          const size = (input as Record<string, number>)[key];
          const hint = Number.isInteger(size) && size <= 255 ? ` Did you mean ${size}/255?` : "";
          return `must be in (0, 1) because pixels are in [0, 1], as a number or a fraction such as 4/255; got ${asFraction(size)}.${hint}`;
        },
      }),
    attackSection,
  );
}
