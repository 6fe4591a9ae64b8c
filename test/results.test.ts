/** The page of results is made of the finished runs, and says what has not run. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseRecipe } from "../src/recipes/resolve.js";

interface Candidate {
  readonly name: string;
  readonly arm: string;
  readonly recipe: { readonly optimizer: { readonly lr: number; readonly weightDecay: number } };
}
interface Question {
  readonly title: string;
  readonly candidates: () => Candidate[];
  readonly trainings: (chosen: Record<string, unknown>) => (Training & { readonly recipe: unknown })[];
}
interface Training {
  readonly name: string;
  readonly arm: string;
  readonly seed: number;
}
type Runs = Map<string, unknown>;
const load = (file: string): Promise<unknown> => import(new URL(`../results/${file}`, import.meta.url).href);
const { resultsPage } = (await load("build.mjs")) as { resultsPage(runs: Runs): string };
const { readRuns } = (await load("runs.mjs")) as { readRuns(): Runs };
const { settingsTable, armTables } = (await load("tables.mjs")) as {
  settingsTable(candidates: readonly Candidate[], runs: Runs): string;
  armTables(trainings: readonly Training[], runs: Runs): string;
};
const { QUESTIONS, chosenSettings } = (await load("questions.mjs")) as {
  QUESTIONS: Record<string, Question>;
  chosenSettings(candidates: readonly Candidate[], runs: Runs): { chosen: Record<string, unknown>; missing: string[] };
};

const candidate = (name: string, arm: string, lr: number): Candidate => ({
  name,
  arm,
  recipe: { optimizer: { lr, weightDecay: 0 } },
});
const run = (accuracy: number) => ({ last: { accuracy } });

describe("docs/results.md", () => {
  it("is what the finished runs give", () => {
    const page = readFileSync(new URL("../docs/results.md", import.meta.url), "utf8");
    expect(page).toBe(resultsPage(readRuns()));
  });

  it("chooses in an arm whose candidates have all run, and names the missing ones of another", () => {
    const candidates = [
      candidate("a1", "a", 0.1),
      candidate("a2", "a", 0.2),
      candidate("b1", "b", 0.1),
      candidate("b2", "b", 0.2),
    ];
    const runs = new Map(Object.entries({ a1: run(0.4), a2: run(0.5), b1: run(0.9) }));
    expect(settingsTable(candidates, runs).split("\n").slice(2)).toEqual([
      "| a | 0.1 | 0 |  | 40.00 % |",
      "| a | 0.2 | 0 |  | **50.00 %** |",
      "| b | 0.1 | 0 |  | 90.00 % |",
      "| b | 0.2 | 0 |  | missing |",
    ]);
  });

  it("pairs arms by seed, and leaves out a seed that one of them lacks", () => {
    const trainings = [1, 2, 3].flatMap((seed) =>
      ["vanilla", "advprop"].map((arm) => ({ arm, seed, name: `${arm}${seed}` })),
    );
    const measured = (clean: number) => ({ measured: { clean }, seconds: 10 });
    const runs = new Map(
      Object.entries({
        vanilla1: measured(0.4),
        advprop1: measured(0.43),
        vanilla2: measured(0.5),
        advprop2: measured(0.51),
        vanilla3: measured(0.9),
      }),
    );
    const lines = armTables(trainings, runs).split("\n");
    expect(lines[2]).toBe("| vanilla | 3 | 60.00 ± 26.46 |  |  |  |  | 10 |");
    expect(lines[3]).toBe("| advprop | 2 | 47.00 ± 5.66 |  |  |  |  | 10 |");
    expect(lines.at(-1)).toMatch(/^\| advprop \| clean \| \+2.00 \| -10.71 .. \+14.71 \| 2 \| 0.500 \| /);
  });

  it("takes the best candidate's recipe of each arm, and names candidates that have not run", () => {
    const candidates = [candidate("a1", "a", 0.1), candidate("a2", "a", 0.2), candidate("a3", "a", 0.3)];
    const runs = new Map(Object.entries({ a1: run(0.4), a2: run(0.5) }));
    expect(chosenSettings(candidates, runs)).toEqual({ chosen: { a: candidates[1].recipe }, missing: ["a3"] });
  });

  it("gives every training of a question a name of its own, and a recipe that can be trained", () => {
    for (const { candidates, trainings } of Object.values(QUESTIONS)) {
      const { chosen } = chosenSettings(candidates(), new Map());
      const all = trainings(chosen);
      expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
      for (const { name, recipe } of all) expect(parseRecipe(JSON.stringify(recipe), name)).toEqual(recipe);
    }
  });

  it("gives every arm of a question as many candidates, each with a name of its own", () => {
    for (const { candidates } of Object.values(QUESTIONS)) {
      const all = candidates();
      expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
      const counts = [...new Set(all.map(({ arm }) => arm))].map((arm) => all.filter((one) => one.arm === arm).length);
      expect(new Set(counts).size).toBe(1);
    }
  });

  it("holds recipes of finished runs that are those of the questions", () => {
    const runs = readRuns() as Map<string, { recipe: unknown; question: string }>;
    for (const { candidates } of Object.values(QUESTIONS)) {
      for (const { name, recipe } of candidates()) {
        const done = runs.get(name);
        if (done !== undefined) expect(done.recipe).toEqual(recipe);
      }
    }
  });
});
