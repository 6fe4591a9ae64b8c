/** What a recipe may say of the attack. */

import { z } from "zod";
import { type COMMON_KEYS, type OwnAttack, type OwnAttackName, registeredAttacks } from "../attacks/registered.js";
import { attackSteps, defaultEpsilon } from "../attacks/strength.js";
import type { Perturbation } from "../training/methods/method-traits.js";
import { asFraction, countOrNull, distanceOrNull, flag, named, number, oneOf, section, share, unit } from "./rules.js";

/** The ball of every attack. */
const ball = {
  /** In which norm the perturbation is bounded. */
  norm: oneOf(["linf", "l2"]).default("linf"),
  /** Radius, with pixels in [0, 1]; null takes the network's own, 1/255 to 4/255 ({@link defaultEpsilon}), in the L2 norm 0.5. */
  epsilon: distanceOrNull.default(null),
};

/** For an attack of several steps. */
const steps = {
  /** Size of a step, with pixels in [0, 1]; null takes 1/255, in the L2 norm 2.5 epsilon / steps. */
  stepSize: distanceOrNull.default(null),
  /** Steps of the attack; null takes 255 epsilon + 1, and 1 where epsilon is 1/255 ({@link attackSteps}); in the L2 norm 5. */
  steps: countOrNull.default(null),
};

const start = {
  /** Whether it starts at a random point of the ball rather than at the image. */
  randomStart: flag.default(true),
  /** With a random start: the probability that an image starts from itself all the same. */
  cleanStartProbability: unit.default(0),
};

/** What training asks of every attack. */
const common = {
  /** Towards a random wrong class, or with none away from the true one. */
  target: oneOf(["random", "none"]).default("random"),
  /** Which statistics the attacked batch norms use. */
  statistics: oneOf(["running", "batch"]).default("running"),
  /** Whether dropout and stochastic depth act during the attack. */
  stochastic: flag.default(false),
  /** Smoothing of the labels or targets of the attack's own loss; the attack of meijieru/fast_advprop has those of the training loss. */
  labelSmoothing: share.default(0),
};

const pgd = withinPixels(section({ name: z.literal("pgd"), ...ball, ...steps, ...start, ...common }));
const iFgsm = withinPixels(section({ name: z.literal("i-fgsm"), ...ball, ...steps, ...common }));
const gd = withinPixels(section({ name: z.literal("gd"), ...ball, ...steps, ...start, ...common }));
const fgsm = withinPixels(section({ name: z.literal("fgsm"), ...ball, ...common }));

/** The keys of every attack of one's own. */
const ofEveryOwn = { ...ball, ...steps, ...start, ...common } satisfies Record<
  Exclude<(typeof COMMON_KEYS)[number], "name">,
  z.ZodType
>;

type OwnShape = typeof ofEveryOwn & { readonly name: z.ZodType<OwnAttackName, OwnAttackName> };
/** Its parameters may have any name. */
type OwnSection = z.ZodObject<OwnShape, z.core.$catchall<z.ZodType<unknown, unknown>>>;

/** The section of an attack of one's own: see `registerAttack`. */
function ownSection({ name, parameters = {} }: OwnAttack): OwnSection {
  const own = Object.entries(parameters).map(([key, value]) => [key, number.default(value)]);
  const shape = { name: z.literal(name), ...ofEveryOwn, ...Object.fromEntries(own) };
  return withinPixels(section(shape)) as unknown as OwnSection;
}

type Written = z.output<typeof pgd | typeof iFgsm | typeof gd | typeof fgsm | OwnSection>;

/** With every number in place of null. */
type WithStrength<A extends Written> = A extends unknown
  ? { readonly [Key in keyof A]: Key extends "epsilon" | "stepSize" | "steps" ? number : A[Key] }
  : never;

/** An attack with its strength. */
export type ResolvedAttack = WithStrength<Written>;

/** How far noise goes, or the one step of Fast AdvProp. */
export interface ResolvedNoise {
  readonly norm: Written["norm"];
  readonly epsilon: number;
  /** Of the one step of Fast AdvProp. */
  readonly stepSize?: number;
}

/** The attack's section of a recipe. */
export const attack = named(pgd, iFgsm, gd, fgsm);

/** The same, with the attacks that have been registered until now. */
export const attackWithOwn = () => named(pgd, iFgsm, gd, fgsm, ...registeredAttacks().map(ownSection));

/** An attack as it is written: its name (pgd where there is none) and what differs from the defaults. */
export type AttackSpec = z.input<ReturnType<typeof attackWithOwn>>;

/** What a method perturbs its images with, at the network's own strength unless it says otherwise. */
export function resolvedAttack(
  written: Written,
  perturbation: Perturbation,
  model: string,
): ResolvedAttack | ResolvedNoise | undefined {
  if (perturbation === "none" || perturbation === "copy") return undefined;
  const { norm } = written;
  const epsilon = written.epsilon ?? (norm === "l2" ? 0.5 : defaultEpsilon(model));
  if (perturbation === "single-step") {
    // The published code raises a step to epsilon / steps, so that one step reaches the ball's surface.
    return { norm, epsilon, stepSize: ("stepSize" in written ? written.stepSize : null) ?? epsilon };
  }
  return perturbation === "attack" ? withStrength(written, epsilon) : { norm, epsilon };
}

/** Fills in the steps: the paper's in the L-infinity norm; in the L2 norm, which the paper has not, ours. */
function withStrength(written: Written, epsilon: number): ResolvedAttack {
  if (written.name === "fgsm") return { ...written, epsilon };
  const l2 = written.norm === "l2";
  const count = written.steps ?? (l2 ? 5 : attackSteps(epsilon));
  return { ...written, epsilon, stepSize: written.stepSize ?? (l2 ? (2.5 * epsilon) / count : 1 / 255), steps: count };
}

/** In the L-infinity norm, a distance is below 1, the range of a pixel. Checked also beside other mistakes of the section. */
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
