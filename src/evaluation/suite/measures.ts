/**
 * Computes the rows of a suite's table from its measurements. Each row is a value per image, so that all share intervals and
 * tests.
 */
import { CORRUPTIONS, SEVERITIES } from "../../corruptions/index.js";
import {
  ALEXNET,
  type BenchmarkCorruption,
  type CorruptionErrors,
  type CorruptionReference,
  type CorruptionWeights,
  EQUAL_WEIGHTS,
  referenceWeights,
  relativeWeights,
} from "../corruption-error.js";
import { CLEAN, type Condition, corruptionId, STYLISED } from "./condition.js";
import type { Measurements } from "./run.js";

/** A row of the table: the mean of a value over images. */
export interface Measure {
  /** As in the table. Normalised measures include the name of their reference. */
  readonly name: string;
  readonly better: "higher" | "lower";
  /** Whether every value is 0 or 1, so that McNemar's test applies. */
  readonly binary: boolean;
  /** (N) the value of each image; undefined where the model was not measured under a condition of this row. */
  values(of: Measurements): Float64Array | undefined;
}

const accuracy = (name: string, id: string): Measure => ({
  name,
  better: "higher",
  binary: true,
  values: (of) => {
    const found = of.get(id);
    return found && Float64Array.from(found.right);
  },
});

/**
 * The mean over images of the weighted sum of the errors under the fifteen corruptions, with or without the clean error
 * subtracted.
 */
const corruptionMeasure = (name: string, weights: CorruptionWeights, subtractClean: boolean): Measure => ({
  name,
  better: "lower",
  binary: false,
  values: (of) => {
    const clean = of.get(CLEAN);
    if (subtractClean && clean === undefined) return undefined;
    const terms = CORRUPTIONS.flatMap((corruption) =>
      SEVERITIES.map((severity) => {
        const condition = of.get(corruptionId(corruption, severity));
        return condition && { right: condition.right, weight: weights[corruption] };
      }),
    ).filter((term) => term !== undefined);
    if (terms.length < CORRUPTIONS.length * SEVERITIES.length) return undefined;
    return Float64Array.from(terms[0].right, (_, i) => {
      const subtracted = subtractClean ? 1 - clean!.right[i] : 0;
      return terms.reduce((sum, { right, weight }) => sum + weight * (1 - right[i] - subtracted), 0);
    });
  },
});

/** The plain mean over the conditions of an incomplete set. It is not comparable with other sets. */
function partialMeasure(conditions: readonly CorruptionCondition[]): Measure {
  const corruptions = new Set(conditions.map(({ corruption }) => corruption.name)).size;
  return {
    name: `mean error over the ${conditions.length} conditions of ${corruptions === 1 ? "one corruption" : `${corruptions} corruptions`}`,
    better: "lower",
    binary: false,
    values: (of) => {
      const found = conditions.map(({ id }) => of.get(id)).filter((condition) => condition !== undefined);
      if (found.length < conditions.length) return undefined;
      return Float64Array.from(
        found[0].right,
        (_, i) => found.reduce((sum, condition) => sum + 1 - condition.right[i], 0) / found.length,
      );
    },
  };
}

/** The conditions of the mean over corruptions: the seventy-five of the benchmark if all exist, otherwise all conditions. */
export function countedConditions(conditions: readonly Condition[]): {
  readonly counted: CorruptionCondition[];
  readonly whole: boolean;
} {
  const all = corruptionConditionsOf(conditions);
  const benchmark = all.filter(({ corruption }) => CORRUPTIONS.some((name) => name === corruption.name));
  const whole = benchmark.length === CORRUPTIONS.length * SEVERITIES.length;
  return { counted: whole ? benchmark : all, whole };
}

type CorruptionCondition = Condition & Required<Pick<Condition, "corruption">>;

/** The conditions with a corruption, in order. */
export const corruptionConditionsOf = (conditions: readonly Condition[]): CorruptionCondition[] =>
  conditions.filter((condition): condition is CorruptionCondition => condition.corruption !== undefined);

/** The rows of a suite, in the order of the table. */
export function suiteMeasures(conditions: readonly Condition[], reference: CorruptionReference | undefined): Measure[] {
  const normalised =
    reference && corruptionMeasure(`mCE (reference: ${reference.name})`, referenceWeights(reference), false);
  // For another reference than AlexNet, the loss by a corruption can be zero, which cannot be a divisor.
  const relative =
    reference === ALEXNET &&
    corruptionMeasure(`relative mCE (reference: ${reference.name})`, relativeWeights(reference), true);
  const { counted, whole } = countedConditions(conditions);
  return [
    accuracy("clean accuracy", CLEAN),
    ...(whole ? [corruptionMeasure("mean corruption error", EQUAL_WEIGHTS, false)] : []),
    ...(!whole && counted.length > 0 ? [partialMeasure(counted)] : []),
    ...(normalised ? [normalised] : []),
    ...(relative ? [relative] : []),
    accuracy("stylised accuracy", STYLISED),
    ...attackConditions(conditions).map((condition) =>
      accuracy(`accuracy under ${attackName(condition)}`, condition.id),
    ),
  ];
}

type AttackCondition = Condition & Required<Pick<Condition, "attack">>;

/** The conditions with an attack, sorted by epsilon. */
export const attackConditions = (conditions: readonly Condition[]): AttackCondition[] =>
  conditions
    .filter((condition): condition is AttackCondition => condition.attack !== undefined)
    .sort((a, b) => a.attack.name.localeCompare(b.attack.name) || a.attack.epsilon - b.attack.epsilon);

/** "PGD-10, 4/255, white-box" */
export const attackName = ({ attack: { name, epsilon, access } }: AttackCondition): string =>
  `${name}, ${in255ths(epsilon)}, ${access}`;

/** A radius in the usual notation, such as 4/255. */
export const in255ths = (epsilon: number): string => (epsilon === 0 ? "0" : `${+(255 * epsilon).toFixed(2)}/255`);

/** Top-1 errors of a model under each corruption; undefined where one is not measured. */
export function corruptionErrors(of: Measurements): CorruptionErrors | undefined {
  const errors: Partial<Record<BenchmarkCorruption, number[]>> = {};
  for (const name of CORRUPTIONS) {
    const found = SEVERITIES.map((severity) => of.get(corruptionId(name, severity)));
    if (found.some((condition) => condition === undefined)) return undefined;
    errors[name] = found.map((condition) => 1 - condition!.accuracy);
  }
  return errors as CorruptionErrors;
}
