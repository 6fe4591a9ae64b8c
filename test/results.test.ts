/** The page of results is made of the finished runs, and says what has not run. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

interface Candidate {
  readonly name: string;
  readonly arm: string;
  readonly recipe: { readonly optimizer: { readonly lr: number; readonly weightDecay: number } };
}
interface Question {
  readonly title: string;
  readonly candidates: () => Candidate[];
}
const build = (await import(new URL("../results/build.mjs", import.meta.url).href)) as {
  readRuns(folder?: string): Map<string, unknown>;
  settingsTable(candidates: readonly Candidate[], runs: Map<string, unknown>): string;
  resultsPage(runs: Map<string, unknown>): string;
};
const { QUESTIONS } = (await import(new URL("../results/questions.mjs", import.meta.url).href)) as {
  QUESTIONS: Record<string, Question>;
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
    expect(page).toBe(build.resultsPage(build.readRuns()));
  });

  it("chooses in an arm whose candidates have all run, and names the missing ones of another", () => {
    const candidates = [
      candidate("a1", "a", 0.1),
      candidate("a2", "a", 0.2),
      candidate("b1", "b", 0.1),
      candidate("b2", "b", 0.2),
    ];
    const runs = new Map(Object.entries({ a1: run(0.4), a2: run(0.5), b1: run(0.9) }));
    expect(build.settingsTable(candidates, runs).split("\n").slice(2)).toEqual([
      "| a | 0.1 | 0 |  | 40.00 % |",
      "| a | 0.2 | 0 |  | **50.00 %** |",
      "| b | 0.1 | 0 |  | 90.00 % |",
      "| b | 0.2 | 0 |  | missing |",
    ]);
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
    const runs = build.readRuns() as Map<string, { recipe: unknown; question: string }>;
    for (const { candidates } of Object.values(QUESTIONS)) {
      for (const { name, recipe } of candidates()) {
        const done = runs.get(name);
        if (done !== undefined) expect(done.recipe).toEqual(recipe);
      }
    }
  });
});
