// Writes docs/results.md from the finished runs: npm run results
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { QUESTIONS } from "./questions.mjs";

const HERE = import.meta.dirname;

/** The finished runs by name. */
export function readRuns(folder = join(HERE, "runs")) {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  const runs = names.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
  return new Map(runs.map((run) => [run.name, run]));
}

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
    const text = value === undefined ? "missing" : `${(100 * value).toFixed(2)} %`;
    const chosen = complete(one.arm) && best.get(one.arm)?.name === one.name;
    return `| ${one.arm} | ${optimizer.lr} | ${optimizer.weightDecay} | ${attack?.epsilon ?? ""} | ${chosen ? `**${text}**` : text} |`;
  });
  return [
    "| arm | learning rate | weight decay | epsilon | validation accuracy |",
    "|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

/** The page. */
export function resultsPage(runs, questions = QUESTIONS) {
  const sections = Object.entries(questions).map(([, { title, candidates }]) => {
    const all = candidates();
    const done = all.filter(({ name }) => runs.has(name));
    const makers = [
      ...new Set(done.map(({ name }) => `${runs.get(name).processor}, commit ${runs.get(name).commit.slice(0, 7)}`)),
    ];
    const where = makers.length === 0 ? "" : ` (${makers.join("; ")})`;
    return `## ${title}\n\n${done.length} of ${all.length} candidates have run${where}. In bold the choice of an arm whose candidates have all run.\n\n${settingsTable(all, runs)}\n`;
  });
  return `# Results

\`npm run results\` writes this page from \`results/runs\`. The questions, their order and what is open are in [the ledger](../results/ledger.md).
No test image was read for what is below: settings are chosen on validation images.

${sections.join("\n")}`;
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(join(HERE, "..", "docs", "results.md"), resultsPage(readRuns()));
}
