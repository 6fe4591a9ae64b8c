/** Writes a report on finished or running trainings as one page: settings, cost, curves and results. Nothing is computed again. */
import { dirname } from "node:path";
import { shellWord } from "../../errors.js";
import type { Block, Document, PictureGrid } from "../../evaluation/report/document.js";
import { renderHtml } from "../../evaluation/report/html.js";
import { makeFolder, writeFileAtomic } from "../../runs/atomic-file.js";
import { checkEnding } from "../../runs/given-path.js";
import { learningCurves, processCurves } from "./curves.js";
import { driftFigures } from "./drift.js";
import { examplePictures } from "./examples.js";
import { worstMistakes } from "./mistakes.js";
import { type ReportedRun, reportedRuns } from "./reported-run.js";
import { resultBlocks, suiteBlocks } from "./results.js";
import { costTable, differencesTable, trainedTable } from "./training-tables.js";

export interface ReportOptions {
  /** The file to write, a name that ends in .html: one page that needs no other files. */
  readonly to: string;
}

/**
 * Writes a page about one or several runs, and returns it as a document for `renderText` and `renderMarkdown`.
 *
 * @param runs folders of runs, which may still be training
 * @throws UsageError ERR_PATH `to` does not end in .html; ERR_REPORT no run is given, or one is given twice; ERR_RUN_MISSING, ERR_RUN_SCHEMA a folder is not a run
 * @throws RunError ERR_RUN_FILE a line of a log is damaged; ERR_WRITE the file cannot be written
 */
export async function report(runs: readonly string[], { to }: ReportOptions): Promise<Document> {
  checkEnding("report", to, ".html");
  const document = await reportDocument(reportedRuns(runs));
  makeFolder(dirname(to));
  writeFileAtomic(to, renderHtml(document));
  return document;
}

/** The report on runs as a document. */
async function reportDocument(runs: readonly ReportedRun[]): Promise<Document> {
  const [examples, mistakes] = await Promise.all([picturesOf(runs, examplePictures), picturesOf(runs, worstMistakes)]);
  return {
    title: titleOf(runs),
    blocks: [
      trainedTable(runs),
      ...under("Results", resultBlocks(runs)),
      ...under("Learning", learningCurves(runs)),
      ...suiteBlocks(runs),
      ...under("Adversarial examples", examples),
      ...under("Worst mistakes", mistakes),
      ...under("Drift of the auxiliary batch norms", driftFigures(runs)),
      { kind: "heading", text: "Cost" },
      costTable(runs),
      ...processCurves(runs),
      { kind: "heading", text: runs.length === 1 ? "Recipe" : "Recipes" },
      ...differencesTable(runs),
      ...runs.map(({ name, run }): Block => {
        const command = run.info.command.length === 0 ? "" : `# ${run.info.command.map(shellWord).join(" ")}\n`;
        return { kind: "listing", caption: `The complete recipe of ${name}`, text: command + run.recipeText() };
      }),
    ],
  };
}

async function picturesOf(
  runs: readonly ReportedRun[],
  pictures: (run: ReportedRun) => Promise<PictureGrid | undefined>,
): Promise<PictureGrid[]> {
  const grids = await Promise.all(runs.map(pictures));
  return grids.filter((grid) => grid !== undefined);
}

const under = (heading: string, blocks: readonly Block[]): Block[] =>
  blocks.length === 0 ? [] : [{ kind: "heading", text: heading }, ...blocks];

function titleOf(runs: readonly ReportedRun[]): string {
  const [{ run }] = runs;
  if (runs.length === 1) return `${run.recipe.method} of ${run.recipe.model} on ${run.info.data.name}`;
  return `Trainings side by side: ${runs.map(({ name }) => name).join(", ")}`;
}
