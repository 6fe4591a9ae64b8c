// Writes docs/results.md from the finished runs: npm run results
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chosenSettings, QUESTIONS } from "./questions.mjs";
import { readRuns } from "./runs.mjs";
import { armTables, settingsTable } from "./tables.mjs";

/** The page. */
export function resultsPage(runs, questions = QUESTIONS) {
  const sections = Object.values(questions).map((question) => {
    const candidates = question.candidates();
    return [
      `## ${question.title}`,
      `### Settings\n\n${progress(candidates, "candidates", runs)} In bold the choice of an arm whose candidates have all run.`,
      settingsTable(candidates, runs),
      armsSection(question, candidates, runs),
    ].join("\n\n");
  });
  return `# Results

\`npm run results\` writes this page from \`results/runs\`. The questions, their order and what is open are in [the ledger](../results/ledger.md).

* **Settings** are chosen on validation images, which are training images that no candidate trains on. Test images choose nothing.
* **Arms** run with the chosen settings on fresh seeds, and are measured at the last epoch. In percent: clean on all 10,000 test images; corrupted
  (the mean of the fifteen corruptions at severities 1 to 5) and stylised on the first 1,000; PGD-10 at 2/255 on the first 500. Mean ± standard
  deviation over the seeds. Differences are paired by seed: Student's 95 % interval, the sign-flip test, and the difference that so many pairs of this spread find with probability
  0.8. Seconds are of training, on a machine that did other work.

${sections.join("\n\n")}
`;
}

function armsSection({ trainings }, candidates, runs) {
  const { chosen, missing } = chosenSettings(candidates, runs);
  if (missing.length > 0) return "### Arms\n\nNot begun: the settings are not chosen yet.";
  const all = trainings(chosen);
  return `### Arms\n\n${progress(all, "trainings", runs)}\n\n${armTables(all, runs)}`;
}

function progress(all, what, runs) {
  const done = all.filter(({ name }) => runs.has(name));
  const made = ({ name }) => `${runs.get(name).processor}, commit ${runs.get(name).commit.slice(0, 7)}`;
  const makers = [...new Set(done.map(made))];
  return `${done.length} of ${all.length} ${what} have run${makers.length === 0 ? "" : ` (${makers.join("; ")})`}.`;
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(join(import.meta.dirname, "..", "docs", "results.md"), resultsPage(readRuns()));
}
