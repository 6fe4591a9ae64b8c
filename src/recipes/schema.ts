/**
 * What a recipe may say: every key with its default and its rule. A new optimizer, schedule or attack is one more member
 * of its union below; everything else (defaults, messages, known keys) follows from it.
 */

import { z } from "zod";
import { didYouMean } from "../errors.js";

/** The training methods. */
export const METHODS = ["vanilla", "advprop"] as const;

/** A value with one rule in words; what breaks it is reported as "must be RULE; got VALUE." and a hint. */
function rule<T>(words: string, holds: (value: unknown) => boolean, hint: (value: unknown) => string = () => "") {
  return z.custom<T>(holds, { error: ({ input }) => `must be ${words}; got ${show(input)}.${hint(input)}` });
}

/** A mapping with these keys and no others. */
function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, { error: mappingError });
}

/** One of several sections, told apart by its key `name`; without a name it is the first. */
function named<First extends z.ZodObject, Rest extends readonly z.ZodObject[]>(first: First, ...rest: Rest) {
  const members = [first, ...rest] as const;
  const names = members.map((member) => String((member.shape.name as z.ZodLiteral<string>).value));
  const union = z.discriminatedUnion("name", members, {
    error: (issue) => {
      if (issue.code !== "invalid_union") return mappingError(issue);
      const name = isMapping(issue.input) ? issue.input.name : undefined;
      return `must be ${list(names)}; got ${show(name)}.${didYouMean(String(name), names)}`;
    },
  });
  const withName = (value: unknown) =>
    isMapping(value) && !Object.hasOwn(value, "name") ? { name: names[0], ...value } : value;
  type Input = z.input<First | Rest[number]> | Omit<z.input<First>, "name">;
  return z.preprocess(withName, union) as unknown as z.ZodType<z.output<First | Rest[number]>, Input>;
}

function oneOf<const Values extends readonly string[]>(values: Values) {
  return rule<Values[number]>(
    list(values),
    (value) => values.includes(value as string),
    (value) => didYouMean(String(value), values),
  );
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;

const flag = rule<boolean>("true or false", (value) => typeof value === "boolean");
const text = rule<string>("text", (value) => typeof value === "string");
const textOrNull = rule<string | null>("text or null", (value) => value === null || typeof value === "string");
const count = rule<number>("a positive integer", isCount);
const countOrNull = rule<number | null>("a positive integer or null", (value) => value === null || isCount(value));
const natural = rule<number>(
  "a non-negative integer",
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);
const seed = rule<number>("an integer in [0, 2^53)", (value) => Number.isSafeInteger(value) && (value as number) >= 0);
const positive = rule<number>("a positive number", (value) => isNumber(value) && value > 0);
const positiveOrNull = rule<number | null>(
  "a positive number or null",
  (value) => value === null || (isNumber(value) && value > 0),
);
const notNegative = rule<number>("a number of at least 0", (value) => isNumber(value) && value >= 0);
const share = rule<number>(
  "a number in [0, 1)",
  (value) => isNumber(value) && value >= 0 && value < 1,
  (value) => (isNumber(value) && value >= 1 && value < 100 ? ` Did you mean ${value / 100}?` : ""),
);
const unit = rule<number>("a number in [0, 1]", (value) => isNumber(value) && value >= 0 && value <= 1);

/** A distance between pixels, as a number or as a fraction such as "4/255"; a number when resolved. */
const pixelDistance = rule<number | string>(
  "in (0, 1] because pixels are in [0, 1], as a number or a fraction such as 4/255",
  (value) => {
    const distance = fraction(value);
    return distance > 0 && distance <= 1;
  },
  (value) => (isNumber(value) && value > 1 && value <= 255 ? ` Did you mean ${value}/255?` : ""),
).transform(fraction);

const memory = rule<number | string | null>(
  "null, a number of bytes or a size such as 12GB",
  (value) => value === null || bytes(value) > 0,
).transform((value) => (value === null ? null : bytes(value)));

const sgd = section({
  name: z.literal("sgd"),
  lr: positive.default(0.1),
  momentum: share.default(0.9),
  nesterov: flag.default(true),
  weightDecay: notNegative.default(5e-4),
  /** Whether the scales and shifts of norm layers decay too; biases of other layers always do. */
  weightDecayOnNorm: flag.default(false),
});

const cosine = section({
  name: z.literal("cosine"),
  /** Share of all steps in which the learning rate rises linearly. */
  warmupFraction: share.default(0.05),
  /** The last learning rate as a share of the highest. */
  finalFactor: unit.default(0),
});

const pgd = section({
  name: z.literal("pgd"),
  norm: oneOf(["linf"]).default("linf"),
  epsilon: pixelDistance.default(4 / 255),
  stepSize: pixelDistance.default(1 / 255),
  /** null takes {@link attackSteps}. */
  steps: countOrNull.default(null),
  target: oneOf(["random", "none"]).default("random"),
  randomStart: flag.default(true),
  /** Which statistics the attacked batch norms use. */
  statistics: oneOf(["running", "batch"]).default("running"),
  /** Whether dropout and stochastic depth act during the attack. */
  stochastic: flag.default(false),
});

/** The whole recipe. Parsing fills the defaults in. */
export const recipeSchema = section({
  name: text.optional(),
  description: text.optional(),
  /** Name in the registry of models. */
  model: text.default("resnet20"),
  method: oneOf(METHODS).default("advprop"),
  seed: seed.default(0),
  /** 0 takes all cores. */
  threads: natural.default(0),
  /** Bytes when resolved. */
  memoryLimit: memory.default(null),
  data: section({
    path: textOrNull.default(null),
    limitTrain: countOrNull.default(null),
    limitTest: countOrNull.default(null),
    /** Share of the training images that is split off for validation. */
    validationFraction: share.default(0),
    imageSize: countOrNull.default(null),
    augmentation: section({
      /** Zero padding before a window of the original size is cut. */
      crop: natural.default(4),
      flip: flag.default(true),
    }).prefault({}),
  }).prefault({}),
  training: section({
    epochs: count.default(15),
    batchSize: count.default(128),
    labelSmoothing: share.default(0),
    clipGradientNorm: positiveOrNull.default(null),
    accumulationSteps: count.default(1),
    logEverySteps: count.default(10),
    /** null checkpoints at the end of each epoch. */
    checkpointEverySteps: countOrNull.default(null),
    /** Keeps the checkpoint of every so many steps; null keeps only last and best. */
    keepEverySteps: countOrNull.default(null),
    evaluateEveryEpochs: count.default(1),
  }).prefault({}),
  optimizer: named(sgd).prefault({}),
  schedule: named(cosine).prefault({}),
  attack: named(pgd)
    .transform((attack) => ({ ...attack, steps: attack.steps ?? attackSteps(attack.epsilon) }))
    .prefault({}),
});

/** A recipe as it is written: what it leaves out has its default. */
export type Recipe = z.input<typeof recipeSchema>;

/** A recipe with every value in place: distances and sizes are numbers, the number of attack steps is decided. */
export type ResolvedRecipe = z.output<typeof recipeSchema>;

/**
 * Attack steps by the rule of the paper (Xie et al. 2020, https://arxiv.org/abs/1911.09665): epsilon in units of 1/255,
 * rounded, plus one; a single step where epsilon is at most 1/255.
 */
export function attackSteps(epsilon: number): number {
  return epsilon <= 1 / 255 ? 1 : Math.round(epsilon * 255) + 1;
}

/** A number, or a text such as "4/255", as a number; NaN where it is neither. */
function fraction(value: unknown): number {
  if (isNumber(value)) return value;
  const match = /^\s*(\d+(?:\.\d+)?)\s*\/\s*(\d+(?:\.\d+)?)\s*$/.exec(typeof value === "string" ? value : "");
  return match === null ? Number.NaN : Number(match[1]) / Number(match[2]);
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

/** A number of bytes, or a text such as "12GB" or "512 MiB", in bytes; NaN where it is neither. */
function bytes(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number;
  const match = /^\s*(\d+(?:\.\d+)?)\s*([KMG]i?B)\s*$/i.exec(typeof value === "string" ? value : "");
  return match === null ? Number.NaN : Math.round(Number(match[1]) * SIZE_UNITS[match[2].toUpperCase()]);
}

function mappingError({ code, input }: { readonly code?: string; readonly input?: unknown }): string | undefined {
  return code === "invalid_type" ? `must be a mapping of keys to values; got ${show(input)}.` : undefined;
}

/** Whether a value is a mapping of keys, neither a list nor a plain value. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** "a", "a or b", "a, b or c". */
function list(words: readonly string[]): string {
  return words.length === 1 ? words[0] : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function show(value: unknown): string {
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
}
