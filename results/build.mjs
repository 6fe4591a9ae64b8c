// Writes docs/results.md and its plots from the finished runs: npm run results
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { resultPlots } from "./plots.mjs";
import { candidatesFor, chosenSettings, QUESTIONS } from "./questions/index.mjs";
import { readRuns } from "./runs.mjs";
import { armTables, seedsTable, settingsTable, summaryTable } from "./tables.mjs";

/** Where results/quickstart.mjs writes. */
export const SEEDS_OF_QUICKSTART = join(import.meta.dirname, "quickstart");

/** The page of the quickstart with the table of its seeds between the two marks. */
export const withSeeds = (page, seeds) =>
  page.replace(
    /(<!-- seeds -->\n\n)[\s\S]*(\n\n<!-- end of seeds -->)/,
    (_, begin, end) => begin + seedsTable(seeds) + end,
  );

/** Runs whose seed was trained again on another kind of processor, with all of its arms. */
export const EARLIER = join(import.meta.dirname, "earlier");

/** The page. */
export function resultsPage(runs, questions = QUESTIONS, earlier = new Map()) {
  const plots = resultPlots(runs, questions);
  const sections = Object.entries(questions).map(([key, question]) =>
    [
      `## ${question.title}`,
      ...(question.candidates ? settingsSection(question.candidates(), runs) : []),
      ...armsSection(question, runs),
      ...earlierSection(key, question, runs, earlier),
      ...plots.filter((plot) => plot.question === key).map(({ file, words }) => `![${words}](images/results/${file})`),
    ].join("\n\n"),
  );
  return `# Results

\`npm run results\` writes this page from \`results/runs\`. The questions, their order and what is open are in [the ledger](../results/ledger.md).

* **Settings** are chosen on validation images, which are training images that no candidate trains on. Test images choose nothing.
* **Arms** run with the chosen settings on fresh seeds, and are measured at the last epoch. In percent: clean on all 10,000 test images; corrupted
  (the mean of the fifteen corruptions at severities 1 to 5) and stylised on the first 1,000; PGD-10 at 2/255 on the first 500. Photographs: clean
  on the test photos of the fold; corrupted at severities 1, 3 and 5 and stylised on 200 of them; PGD-10 on 100.
* Mean ± standard deviation over the seeds or folds. Arms with other numbers of runs have other seeds, so compare arms by the differences, as the
  plots do. They are paired by seed or fold: Student's 95 % interval, the sign-flip test, and the difference that so many pairs of this spread find
  with probability 0.8. Seconds are of training, on a machine that did other work.
* Folds share most of their training photos. Interval and detectable difference are corrected for this (Nadeau and Bengio 2003,
  https://doi.org/10.1023/A:1024068626366). The p of folds is not: it treats them as independent, so it is too small.

## Summary

The gain of AdvProp over each other arm, in points. In bold: p < 0.05 in the sign-flip test of that one comparison. Six pairs can reach p 0.031, ten 0.002, four no
less than 0.125. The sections below say what single arms are not: two views of A, for example, are no control.

${summaryTable(begun(questions, runs), runs)}

${sections.join("\n\n")}
`;
}

/** The parts of the questions of which a training has run; a question may show runs of another one too. */
const begun = (questions, runs) =>
  Object.entries(questions).flatMap(([key, question]) =>
    partsOf(question, runs).filter(({ trainings }) =>
      trainings.some(({ name }) => name.startsWith(`${key}-`) && runs.has(name)),
    ),
  );

function settingsSection(candidates, runs) {
  return [
    `### Settings\n\n${progress(candidates, "candidates", runs)} In bold the choice of an arm whose candidates have all run.`,
    settingsTable(candidates, runs),
  ];
}

/** The groups of a question's trainings, each with a title; none where the settings are not chosen. */
function partsOf(question, runs) {
  const { chosen, missing } = chosenSettings(candidatesFor(question), runs);
  if (missing.length > 0) return [];
  const all = question.trainings(chosen);
  return [...new Set(all.map(({ group }) => group))].map((group) => ({
    group,
    title: `${question.title.split(":")[0]}${group ? `, ${group}` : ""}`,
    trainings: all.filter((one) => one.group === group),
    pairs: question.pairs,
  }));
}

function armsSection(question, runs) {
  const parts = partsOf(question, runs);
  if (parts.length === 0) return ["### Arms\n\nNot begun: the settings are not chosen yet."];
  const all = parts.flatMap(({ trainings }) => trainings);
  return [
    `### Arms\n\n${progress(all, "trainings", runs)}`,
    ...(question.notes ?? []),
    ...parts.flatMap(({ group, trainings }) => {
      const references = question.references?.filter((arm) => trainings.some((one) => one.arm === arm));
      return [...(group ? [`#### ${group}`] : []), armTables(trainings, runs, references)];
    }),
  ];
}

/** Earlier runs of a question, which count in no table above. */
function earlierSection(key, question, runs, earlier) {
  const own = partsOf(question, runs)
    .flatMap(({ trainings }) => trainings)
    .filter(({ name }) => earlier.get(name)?.question === key);
  if (own.length === 0) return [];
  return [
    `### The same seeds on an earlier processor\n\n${progress(own, "trainings", earlier)} A seed begins anew where its arms cannot be completed on one kind of processor.`,
    armTables(own, earlier),
  ];
}

function progress(all, what, runs) {
  const done = all.filter(({ name }) => runs.has(name));
  const made = ({ name }) => `${runs.get(name).processor}, commit ${runs.get(name).commit.slice(0, 7)}`;
  const makers = [...new Set(done.map(made))];
  return `${done.length} of ${all.length} ${what} have run${makers.length === 0 ? "" : ` (${makers.join("; ")})`}.`;
}

if (process.argv[1] === import.meta.filename) {
  const docs = join(import.meta.dirname, "..", "docs");
  const runs = readRuns();
  const quickstart = join(docs, "quickstart.md");
  writeFileSync(quickstart, withSeeds(readFileSync(quickstart, "utf8"), readRuns(SEEDS_OF_QUICKSTART)));
  writeFileSync(join(docs, "results.md"), resultsPage(runs, QUESTIONS, readRuns(EARLIER)));
  mkdirSync(join(docs, "images", "results"), { recursive: true });
  for (const { file, svg } of resultPlots(runs, QUESTIONS)) writeFileSync(join(docs, "images", "results", file), svg);
}
