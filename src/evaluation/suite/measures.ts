/** From the measurements of a suite to its rows: each a value for every image, so that all share intervals and tests. */
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
import { type Cell, CLEAN, corruptionId, STYLISED } from "./cell.js";
import type { Measurements } from "./run.js";

/** A row of the table, as a mean over images. */
export interface Measure {
  /** As in the table; the normalised ones name their reference. */
  readonly name: string;
  readonly better: "higher" | "lower";
  /** Whether each image is right or wrong: then McNemar's test applies. */
  readonly binary: boolean;
  /** (N) what each image adds to the mean; undefined where the model was not measured so. */
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

/** The mean over images of the weighted sum of the errors under all corruptions, `subtractClean` taken off each. */
const corruptionMeasure = (name: string, weights: CorruptionWeights, subtractClean: boolean): Measure => ({
  name,
  better: "lower",
  binary: false,
  values: (of) => {
    const clean = of.get(CLEAN);
    if (clean === undefined) return undefined;
    const values = new Float64Array(clean.right.length);
    for (const corruption of CORRUPTIONS) {
      for (const severity of SEVERITIES) {
        const cell = of.get(corruptionId(corruption, severity));
        if (cell === undefined) return undefined;
        for (let i = 0; i < values.length; i++) {
          const error = 1 - cell.right[i] - (subtractClean ? 1 - clean.right[i] : 0);
          values[i] += weights[corruption] * error;
        }
      }
    }
    return values;
  },
});

/** The rows of a suite, in the order of the table. */
export function suiteMeasures(cells: readonly Cell[], reference: CorruptionReference | undefined): Measure[] {
  const normalised =
    reference && corruptionMeasure(`mCE (reference: ${reference.name})`, referenceWeights(reference), false);
  // Of another model, what is lost by a corruption may be nothing, and nothing divides.
  const relative =
    reference === ALEXNET &&
    corruptionMeasure(`relative mCE (reference: ${reference.name})`, relativeWeights(reference), true);
  return [
    accuracy("clean accuracy", CLEAN),
    corruptionMeasure("mean corruption error", EQUAL_WEIGHTS, false),
    ...(normalised ? [normalised] : []),
    ...(relative ? [relative] : []),
    accuracy("stylised accuracy", STYLISED),
    ...attackCells(cells).map((cell) => accuracy(`accuracy under ${attackName(cell)}`, cell.id)),
  ];
}

type AttackCell = Cell & Required<Pick<Cell, "attack">>;

/** The cells with an attack, by epsilon. */
export const attackCells = (cells: readonly Cell[]): AttackCell[] =>
  cells
    .filter((cell): cell is AttackCell => cell.attack !== undefined)
    .sort((a, b) => a.attack.name.localeCompare(b.attack.name) || a.attack.epsilon - b.attack.epsilon);

/** "PGD-10, 4/255, white-box" */
export const attackName = ({ attack: { name, epsilon, access } }: AttackCell): string =>
  `${name}, ${in255ths(epsilon)}, ${access}`;

/** A radius as it is usually written: 4/255. */
export const in255ths = (epsilon: number): string => (epsilon === 0 ? "0" : `${+(255 * epsilon).toFixed(2)}/255`);

/** Top-1 errors of a model under each corruption; undefined where one is not measured. */
export function corruptionErrors(of: Measurements): CorruptionErrors | undefined {
  const errors: Partial<Record<BenchmarkCorruption, number[]>> = {};
  for (const name of CORRUPTIONS) {
    const found = SEVERITIES.map((severity) => of.get(corruptionId(name, severity)));
    if (found.some((cell) => cell === undefined)) return undefined;
    errors[name] = found.map((cell) => 1 - cell!.accuracy);
  }
  return errors as CorruptionErrors;
}
