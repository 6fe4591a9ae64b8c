import { measuresOf } from "../dist/api/compare/result.js";

const percent = (value) => (100 * value).toFixed(2);
const signed = (value) => `${value >= 0 ? "+" : ""}${percent(value)}`;
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

/** Two tables: what each arm reaches, and the differences to the first arm, paired by seed. */
export function armTables(trainings, runs) {
  const done = trainings.filter(({ name }) => runs.has(name));
  const arms = [...new Set(trainings.map(({ arm }) => arm))];
  const seeds = [...new Set(trainings.map(({ seed }) => `seed ${seed}`))];
  const values = MEASURES.flatMap(([key, measure]) =>
    done.flatMap(({ name, arm, seed }) => {
      const value = runs.get(name).measured[key];
      return value === undefined ? [] : [{ arm, repetition: `seed ${seed}`, measure, better: "higher", value }];
    }),
  );
  const measured = measuresOf(arms, seeds, values);
  const count = (arm) => done.filter((one) => one.arm === arm).length;
  const seconds = (arm) => {
    const own = done.filter((one) => one.arm === arm).map(({ name }) => runs.get(name).seconds);
    return own.length === 0 ? "" : (own.reduce((a, b) => a + b, 0) / own.length).toFixed(0);
  };
  const means = arms.map((arm) => [
    arm,
    count(arm) === 0 ? "missing" : count(arm),
    ...MEASURES.map(([, measure]) => {
      const found = measured.find(({ name }) => name === measure)?.arms.find((one) => one.arm === arm);
      if (found === undefined) return "";
      return percent(found.mean) + (found.deviation === undefined ? "" : ` ± ${percent(found.deviation)}`);
    }),
    seconds(arm),
  ]);
  const differences = measured.flatMap(({ name, arms: all }) =>
    all.flatMap(({ arm, difference: found }) => {
      if (found === undefined) return [];
      const { value, low, high, count: pairs, signFlip, detectable } = found;
      return [
        [
          arm,
          name,
          signed(value),
          `${signed(low)} .. ${signed(high)}`,
          pairs,
          signFlip.toFixed(3),
          percent(detectable),
        ],
      ];
    }),
  );
  return [
    table(["arm", "seeds", ...MEASURES.map(([, measure]) => measure), "seconds"], means),
    ...(differences.length === 0
      ? []
      : [
          `To ${arms[0]}, in points, paired by seed:`,
          table(["arm", "measure", "difference", "95 % interval", "pairs", "sign-flip p", "detectable"], differences),
        ]),
  ].join("\n\n");
}
