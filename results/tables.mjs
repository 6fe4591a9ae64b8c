import { measuresOf } from "../dist/api/compare/result.js";

const percent = (value) => (100 * value).toFixed(2);
const signed = (value) => `${value >= 0 ? "+" : ""}${percent(value)}`;
const chance = (p) => (p < 0.001 ? "< 0.001" : p.toFixed(3));
const table = (columns, rows) =>
  [columns, columns.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** One line for each candidate of a question, the best of each arm in bold; a candidate that has not run is said to be missing. */
export function settingsTable(candidates, runs) {
  const score = ({ name }) => runs.get(name)?.last.accuracy;
  const best = new Map();
  for (const one of candidates) {
    const value = score(one);
    if (value !== undefined && value > (best.get(one.arm)?.value ?? -1)) best.set(one.arm, { name: one.name, value });
  }
  const complete = (arm) => candidates.every((one) => one.arm !== arm || runs.has(one.name));
  const rows = candidates.map((one) => {
    const { optimizer, attack } = one.recipe;
    const value = score(one);
    const text = value === undefined ? "missing" : `${percent(value)} %`;
    const chosen = complete(one.arm) && best.get(one.arm)?.name === one.name;
    return [one.arm, optimizer.lr, optimizer.weightDecay, attack?.epsilon ?? "", chosen ? `**${text}**` : text];
  });
  return table(["arm", "learning rate", "weight decay", "epsilon", "validation accuracy"], rows);
}

/** What is measured of each arm, in the order of the columns. */
const MEASURES = [
  ["clean", "clean"],
  ["auxiliary", "clean, auxiliary norms"],
  ["corrupted", "corrupted"],
  ["stylised", "stylised"],
  ["attacked", "PGD-10"],
];

const named = (key) => MEASURES.find(([one]) => one === key)[1];

/**
 * What the finished ones of some trainings measured: means and paired differences to the arm `reference`, by measure. `trainings` has all
 * folds, also those that are not finished.
 */
export function compared(trainings, runs, reference) {
  const done = trainings.filter(({ name }) => runs.has(name));
  const names = [...new Set(trainings.map(({ arm }) => arm))];
  const arms = [reference, ...names.filter((arm) => arm !== reference)];
  const repetitions = [...new Set(trainings.map(({ repetition }) => repetition))];
  const values = MEASURES.flatMap(([key, measure]) =>
    done.flatMap(({ name, arm, repetition }) => {
      const value = runs.get(name).measured[key];
      return value === undefined ? [] : [{ arm, repetition, measure, better: "higher", value }];
    }),
  );
  const folds = trainings.some(({ fold }) => fold !== undefined) ? repetitions.length : undefined;
  const measures = measuresOf(arms, repetitions, values, folds);
  return (key) => (arm) => measures.find(({ name }) => name === named(key))?.arms.find((one) => one.arm === arm);
}

/**
 * What each arm reaches, and the differences to each arm of `references`, paired by seed or fold; two arms are compared once. By default
 * the first arm is the reference.
 */
export function armTables(trainings, runs, references = [trainings[0].arm]) {
  const tables = references.flatMap((one, i) => {
    const others = trainings.filter(({ arm }) => !references.slice(0, i).includes(arm));
    return differences(others, runs, one);
  });
  return [means(trainings, runs), ...tables].join("\n\n");
}

function means(trainings, runs) {
  const arms = [...new Set(trainings.map(({ arm }) => arm))];
  const measured = compared(trainings, runs, arms[0]);
  const rows = arms.map((arm) => {
    const own = trainings.filter((one) => one.arm === arm && runs.has(one.name));
    const seconds = own.map(({ name }) => runs.get(name).seconds);
    return [
      arm,
      own.length === 0 ? "missing" : own.length,
      ...MEASURES.map(([key]) => {
        const found = measured(key)(arm);
        if (found === undefined) return "";
        return percent(found.mean) + (found.deviation === undefined ? "" : ` ± ${percent(found.deviation)}`);
      }),
      own.length === 0 ? "" : (seconds.reduce((a, b) => a + b, 0) / own.length).toFixed(0),
    ];
  });
  return table(["arm", "runs", ...MEASURES.map(([, measure]) => measure), "seconds"], rows);
}

/** A heading and a table; nothing where no pair has run. */
function differences(trainings, runs, reference) {
  const arms = [...new Set(trainings.map(({ arm }) => arm))].filter((arm) => arm !== reference);
  const measured = compared(trainings, runs, reference);
  const rows = MEASURES.flatMap(([key, measure]) =>
    arms.flatMap((arm) => {
      const found = measured(key)(arm)?.difference;
      if (found === undefined) return [];
      const { value, low, high, count, signFlip, detectable } = found;
      return [
        [
          arm,
          measure,
          signed(value),
          `${signed(low)} .. ${signed(high)}`,
          count,
          chance(signFlip),
          percent(detectable),
        ],
      ];
    }),
  );
  if (rows.length === 0) return [];
  const columns = ["arm", "measure", "difference", "95 % interval", "pairs", "sign-flip p", "detectable"];
  return [`Difference to ${reference}, in points, paired:`, table(columns, rows)];
}

/**
 * AdvProp less each other arm of the same part of a question (`{ title, trainings, pairs }`), and of `pairs` the first arm less the
 * second, in points; in bold where the sign-flip test gives p < 0.05. AdvProp is a part's first arm whose name begins with "advprop";
 * parts without one are left out.
 */
export function summaryTable(parts, runs) {
  const measures = MEASURES.filter(([key]) => key !== "auxiliary");
  const rows = parts.flatMap(({ title, trainings, pairs = [] }) => {
    const names = [...new Set(trainings.map(({ arm }) => arm))];
    const advprop = names.find((arm) => arm.startsWith("advprop"));
    if (advprop === undefined) return [];
    const toAll = names.filter((arm) => arm !== advprop).map((arm) => [advprop, arm]);
    return [...toAll, ...pairs].flatMap(([arm, other]) => {
      const measured = compared(trainings, runs, arm);
      const found = measures.map(([key]) => measured(key)(other)?.difference);
      if (found.includes(undefined)) return [];
      return [[title, arm, other, found[0].count, ...found.map(gain)]];
    });
  });
  return table(["question", "arm", "less", "pairs", ...measures.map(([, measure]) => measure)], rows);
}

/** The difference turned round, and its p. */
function gain({ value, signFlip }) {
  const text = `${signed(-value)} (p ${chance(signFlip)})`;
  return signFlip < 0.05 ? `**${text}**` : text;
}

/** The quickstart's two networks by seed, and how often AdvProp's is the better one. */
export function seedsTable(seeds) {
  const tests = ["clean", "corrupted", "stylised", "attacked"];
  const pair = ({ vanilla, advprop }, test) => [vanilla[test], advprop[test]];
  const all = [...seeds.values()].sort((a, b) => a.seed - b.seed);
  const rows = all.map((one) => [one.seed, ...tests.map((test) => pair(one, test).map(percent).join(" → "))]);
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const gains = tests.map((test) => all.map((one) => pair(one, test)).map(([vanilla, advprop]) => advprop - vanilla));
  const summary = gains.map(
    (own) => `${signed(mean(own))}, ahead in ${own.filter((gain) => gain > 0).length} of ${own.length}`,
  );
  return table(["seed", ...tests], [...rows, ["mean gain", ...summary]]);
}
