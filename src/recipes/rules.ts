/** The kinds of values in a recipe: the rule of each as text and as a check. */

import { z } from "zod";
import { didYouMean } from "../errors.js";

/** A value with one rule. A value that breaks it gets the message "must be RULE; got VALUE." and a hint. */
export function rule<T>(
  words: string,
  holds: (value: unknown) => boolean,
  hint: (value: unknown) => string = () => "",
) {
  return z.custom<T>(holds, { error: ({ input }) => `must be ${words}; got ${show(input)}.${hint(input)}` });
}

/** A mapping with these keys and no others. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, { error: mappingError });
}

/** One of several sections, chosen by its key `name`; by default the first. */
export function named<First extends z.ZodObject, Rest extends readonly z.ZodObject[]>(first: First, ...rest: Rest) {
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
    isMapping(value) && value.name === undefined ? { ...value, name: names[0] } : value;
  // `name?: undefined`, so that the types refuse the keys of one section beside the name of another.
  type Input = z.input<First | Rest[number]> | (Omit<z.input<First>, "name"> & { readonly name?: undefined });
  return z.preprocess(withName, union) as unknown as z.ZodType<z.output<First | Rest[number]>, Input>;
}

export function oneOf<const Values extends readonly string[]>(values: Values) {
  return rule<Values[number]>(
    list(values),
    (value) => values.includes(value as string),
    (value) => didYouMean(String(value), values),
  );
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;

export const flag = rule<boolean>("true or false", (value) => typeof value === "boolean");
export const text = rule<string>("text", (value) => typeof value === "string");
export const textOrNull = rule<string | null>("text or null", (value) => value === null || typeof value === "string");
export const count = rule<number>("a positive integer", isCount);
export const countOrNull = rule<number | null>(
  "a positive integer or null",
  (value) => value === null || isCount(value),
);
export const natural = rule<number>(
  "a non-negative integer",
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);
export const seed = rule<number>(
  "an integer in [0, 2^53)",
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);
export const number = rule<number>("a number", isNumber);
export const positive = rule<number>("a positive number", (value) => isNumber(value) && value > 0);
export const positiveOrNull = rule<number | null>(
  "a positive number or null",
  (value) => value === null || (isNumber(value) && value > 0),
);
export const countOrAuto = rule<number | "auto">(
  "a positive integer or auto",
  (value) => value === "auto" || isCount(value),
);
export const notNegative = rule<number>("a number of at least 0", (value) => isNumber(value) && value >= 0);
const isShare = (value: unknown) => isNumber(value) && value >= 0 && value < 1;
const percentHint = (value: unknown) =>
  isNumber(value) && value >= 1 && value < 100 ? ` Did you mean ${value / 100}?` : "";
export const share = rule<number>("a number in [0, 1)", isShare, percentHint);
export const shareOrNull = rule<number | null>(
  "a number in [0, 1) or null",
  (value) => value === null || isShare(value),
  percentHint,
);
export const properShare = rule<number>(
  "a number between 0 and 1",
  (value) => isNumber(value) && value > 0 && value < 1,
  percentHint,
);
export const unit = rule<number>("a number in [0, 1]", (value) => isNumber(value) && value >= 0 && value <= 1);

/** A share that may also be written as a fraction such as "5/350"; a number when resolved. */
export const shareOrFraction = rule<number | string>("a number in [0, 1) or a fraction such as 5/350", (value) => {
  const number = fraction(value);
  return number >= 0 && number < 1;
}).transform(fraction);

/** A distance between images, as a number or as a fraction such as "4/255"; a number when resolved. */
export const distanceOrNull = rule<number | string | null>(
  "a positive number, a fraction such as 4/255, or null",
  (value) => value === null || (fraction(value) > 0 && Number.isFinite(fraction(value))),
).transform((value) => (value === null ? null : fraction(value)));

export const milestonesOrNull = rule<readonly number[] | null>(
  "an increasing list of positive numbers, as in [30, 60, 90], or null",
  (value) =>
    value === null ||
    (Array.isArray(value) && value.every((one, i) => isNumber(one) && one > 0 && (i === 0 || one > value[i - 1]))),
);

export const memory = rule<number | string | null>(
  "null, a number of bytes or a size such as 12GB",
  (value) => value === null || bytes(value) > 0,
).transform((value) => (value === null ? null : bytes(value)));

/** A distance as people write it: as a fraction such as "4/255" if it is a multiple of 1/255. */
export function asFraction(value: number): number | string {
  const numerator = Math.round(value * 255);
  return !Number.isInteger(value) && numerator / 255 === value ? `${numerator}/255` : value;
}

/** The number of a number or of a text such as "4/255"; NaN for other values. */
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

/** The bytes of a number or of a text such as "12GB" or "512 MiB"; NaN for other values. */
export function bytes(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number;
  const match = /^\s*(\d+(?:\.\d+)?)\s*([KMG]i?B)\s*$/i.exec(typeof value === "string" ? value : "");
  return match === null ? Number.NaN : Math.round(Number(match[1]) * SIZE_UNITS[match[2].toUpperCase()]);
}

function mappingError({ code, input }: { readonly code?: string; readonly input?: unknown }): string | undefined {
  return code === "invalid_type" ? `must be a mapping of keys to values; got ${show(input)}.` : undefined;
}

/** Whether a value is a mapping, and not a list or a single value. */
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
