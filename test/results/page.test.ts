/** The page of results is made of the finished runs, and says what has not run. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseRecipe, resolveRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";

interface Candidate {
  readonly name: string;
  readonly arm: string;
  readonly recipe: { readonly optimizer: { readonly lr: number; readonly weightDecay: number } };
}
interface Question {
  readonly title: string;
  readonly candidates?: () => Candidate[];
  readonly trainings: (chosen: Record<string, unknown>) => (Training & { readonly recipe: unknown })[];
}
interface Training {
  readonly name: string;
  readonly arm: string;
  readonly group?: string;
  readonly repetition: string;
}
type Runs = Map<string, unknown>;
const load = (file: string): Promise<unknown> => import(new URL(`../../results/${file}`, import.meta.url).href);
const { resultsPage, withSeeds, EARLIER, SEEDS_OF_QUICKSTART } = (await load("build.mjs")) as {
  resultsPage(runs: Runs, questions: Record<string, Question>, earlier: Runs): string;
  EARLIER: string;
  withSeeds(page: string, seeds: Runs): string;
  SEEDS_OF_QUICKSTART: string;
};
const { readRuns } = (await load("runs.mjs")) as { readRuns(folder?: string): Runs };
const { settingsTable, armTables, summaryTable } = (await load("tables.mjs")) as {
  settingsTable(candidates: readonly Candidate[], runs: Runs): string;
  armTables(trainings: readonly Training[], runs: Runs, references?: readonly string[]): string;
  summaryTable(
    parts: readonly { title: string; trainings: readonly Training[]; pairs?: readonly string[][] }[],
    runs: Runs,
  ): string;
};
const { resultPlots } = (await load("plots.mjs")) as {
  resultPlots(runs: Runs, questions: Record<string, Question>): { file: string; svg: string }[];
};
const { QUESTIONS, candidatesFor, chosenSettings } = (await load("questions/index.mjs")) as {
  QUESTIONS: Record<string, Question>;
  candidatesFor(question: Question): Candidate[];
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
    const page = readFileSync(new URL("../../docs/results.md", import.meta.url), "utf8");
    expect(page).toBe(resultsPage(readRuns(), QUESTIONS, readRuns(EARLIER)));
  });

  it("is joined by the table of the quickstart's seeds", () => {
    const page = readFileSync(new URL("../../docs/quickstart.md", import.meta.url), "utf8");
    expect(page).toBe(withSeeds(page, readRuns(SEEDS_OF_QUICKSTART)));
    const pair = (vanilla: number, advprop: number) => {
      const all = (value: number) => ({ clean: value, corrupted: value, stylised: value, attacked: value });
      return { vanilla: all(vanilla), advprop: all(advprop) };
    };
    const seeds = new Map([
      [1, { seed: 1, ...pair(0.6, 0.59) }],
      [0, { seed: 0, ...pair(0.5, 0.55) }],
    ]);
    const lines = withSeeds("<!-- seeds -->\n\nold\n\n<!-- end of seeds -->", seeds as never).split("\n");
    expect(lines.slice(4, 7)).toEqual([
      "| 0 | 50.00 → 55.00 | 50.00 → 55.00 | 50.00 → 55.00 | 50.00 → 55.00 |",
      "| 1 | 60.00 → 59.00 | 60.00 → 59.00 | 60.00 → 59.00 | 60.00 → 59.00 |",
      `| mean gain |${" +2.00, ahead in 1 of 2 |".repeat(4)}`,
    ]);
  });

  it("has the plots that the finished runs give, and no other", () => {
    const folder = new URL("../../docs/images/results/", import.meta.url);
    const plots = resultPlots(readRuns(), QUESTIONS);
    expect(readdirSync(folder).sort()).toEqual(plots.map(({ file }) => file).sort());
    for (const { file, svg } of plots) expect(readFileSync(new URL(file, folder), "utf8")).toBe(svg);
  });

  it("has plots whose names do not lie on each other", () => {
    const plots = resultPlots(readRuns(), QUESTIONS).filter(({ file }) => file.endsWith("accuracies.svg"));
    expect(plots).not.toEqual([]);
    for (const { svg } of plots) {
      const names = [...svg.matchAll(/<text x='\S+' y='(\S+)' text-anchor='start'>/g)].map(([, y]) => Number(y));
      const heights = names.sort((a, b) => a - b);
      for (const [i, height] of heights.slice(1).entries()) expect(height - heights[i]).toBeGreaterThan(13.8);
    }
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
      ["vanilla", "advprop"].map((arm) => ({ arm, repetition: `seed ${seed}`, name: `${arm}${seed}` })),
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

  it("widens the interval of folds, because they share training photos", () => {
    const trainings = [0, 1].flatMap((fold) =>
      ["vanilla", "advprop"].map((arm) => ({ arm, fold, repetition: `fold ${fold}`, name: `${arm}${fold}` })),
    );
    const clean = { vanilla0: 0.4, advprop0: 0.43, vanilla1: 0.5, advprop1: 0.51 };
    const runs = new Map(
      Object.entries(clean).map(([name, value]) => [name, { measured: { clean: value }, seconds: 10 }] as const),
    );
    // The differences are 3 and 1: s = sqrt 2, and 12.706 s sqrt(1/2 + 1/1) = 22.01.
    expect(armTables(trainings, runs)).toContain("| advprop | clean | +2.00 | -20.01 .. +24.01 | 2 | 0.500 |");
  });

  it("gives the differences to every arm that is named, of two arms once", () => {
    const trainings = ["vanilla", "advprop", "noise"].flatMap((arm) =>
      [1, 2].map((seed) => ({ arm, repetition: `seed ${seed}`, name: `${arm}${seed}` })),
    );
    const accuracy = { vanilla1: 0.4, vanilla2: 0.5, advprop1: 0.42, advprop2: 0.52, noise1: 0.41, noise2: 0.51 };
    const runs = new Map(
      Object.entries(accuracy).map(([name, clean]) => [name, { measured: { clean }, seconds: 10 }] as const),
    );
    const text = armTables(trainings, runs, ["vanilla", "advprop"]);
    const [, toVanilla, toAdvProp] = text.split(/Difference to .*, in points, paired:/);
    const rows = (table: string) =>
      [...table.matchAll(/^\| (\w+) \| clean \| (\S+) \|/gm)].map(([, arm, value]) => [arm, value]);
    expect(rows(toVanilla)).toEqual([
      ["advprop", "+2.00"],
      ["noise", "+1.00"],
    ]);
    expect(rows(toAdvProp)).toEqual([["noise", "-1.00"]]);
  });

  it("sums up AdvProp's differences to the other arms, in bold where they are significant", () => {
    const seeds = [1, 2, 3, 4, 5, 6];
    const trainings = ["vanilla", "advprop", "noise", "mixture"].flatMap((arm) =>
      seeds.map((seed) => ({ arm, repetition: `seed ${seed}`, name: `${arm}${seed}` })),
    );
    const measured = (value: number) => ({ clean: value, corrupted: value, stylised: value, attacked: value });
    const runs: Runs = new Map(
      seeds.flatMap((seed) => [
        [`vanilla${seed}`, { measured: measured(0.4) }],
        [`advprop${seed}`, { measured: measured(0.4 + seed / 100) }],
        [`noise${seed}`, { measured: measured(seed === 1 ? 0.42 : 0.4) }],
      ]),
    );
    const without = { title: "G", trainings: trainings.filter(({ arm }) => arm !== "advprop") };
    expect(
      summaryTable([{ title: "A", trainings, pairs: [["noise", "vanilla"]] }, without], runs)
        .split("\n")
        .slice(2),
    ).toEqual([
      `| A | advprop | vanilla | 6 |${" **+3.50 (p 0.031)** |".repeat(4)}`,
      `| A | advprop | noise | 6 |${" +3.17 (p 0.063) |".repeat(4)}`,
      `| A | noise | vanilla | 6 |${" +0.33 (p 1.000) |".repeat(4)}`,
    ]);
  });

  it("takes the best candidate's recipe of each arm, and names candidates that have not run", () => {
    const candidates = [candidate("a1", "a", 0.1), candidate("a2", "a", 0.2), candidate("a3", "a", 0.3)];
    const runs = new Map(Object.entries({ a1: run(0.4), a2: run(0.5) }));
    expect(chosenSettings(candidates, runs)).toEqual({ chosen: { a: candidates[1].recipe }, missing: ["a3"] });
  });

  it("gives every training of a question a name of its own, and a recipe that can be trained", () => {
    for (const question of Object.values(QUESTIONS)) {
      const { chosen } = chosenSettings(candidatesFor(question), new Map());
      const all = question.trainings(chosen);
      expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
      for (const { name, recipe } of all) {
        expect(parseRecipe(JSON.stringify(recipe), name)).toEqual(recipe);
        expect(() => resolveRecipe({ ...(recipe as Recipe), threads: 1 })).not.toThrow();
      }
    }
  });

  it("has one arm of a name in each group, with a training for each of its repetitions", () => {
    for (const question of Object.values(QUESTIONS)) {
      const all = question.trainings(chosenSettings(candidatesFor(question), new Map()).chosen);
      const keys = all.map(({ group = "", arm, repetition }) => [group, arm, repetition].join());
      expect(new Set(keys).size).toBe(all.length);
    }
  });

  it("gives every arm of a question as many candidates, each with a name of its own", () => {
    for (const question of Object.values(QUESTIONS)) {
      const all = candidatesFor(question);
      expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
      const counts = [...new Set(all.map(({ arm }) => arm))].map((arm) => all.filter((one) => one.arm === arm).length);
      expect(new Set(counts).size).toBe(1);
    }
  });

  it("pairs runs of one commit and one kind of processor", () => {
    const runs = readRuns() as Map<string, { commit: string; processor: string }>;
    for (const question of Object.values(QUESTIONS)) {
      const { chosen, missing } = chosenSettings(candidatesFor(question), runs);
      if (missing.length > 0) continue;
      const makers = new Map<string, string>();
      for (const { name, group = "", repetition } of question.trainings(chosen)) {
        const run = runs.get(name);
        if (run === undefined) continue;
        const pair = `${group}, ${repetition}`;
        const maker = `${run.commit} on ${run.processor}`;
        expect(maker, `${name} and the others of ${pair}`).toBe(makers.get(pair) ?? maker);
        makers.set(pair, maker);
      }
    }
  });

  it("holds finished runs of the questions' recipes only, under the digest of the recipe", () => {
    const runs = readRuns() as Map<string, { name: string; recipe: unknown; digest: string }>;
    const earlier = readRuns(EARLIER) as typeof runs;
    const asked = new Map<string, unknown>();
    for (const question of Object.values(QUESTIONS)) {
      const candidates = candidatesFor(question) as (Candidate | Training)[];
      const { chosen, missing } = chosenSettings(candidatesFor(question), runs);
      const all = missing.length > 0 ? candidates : [...candidates, ...question.trainings(chosen)];
      for (const one of all) asked.set(one.name, (one as Candidate).recipe);
    }
    for (const { name, recipe, digest } of [...runs.values(), ...earlier.values()]) {
      expect(recipe, name).toEqual(asked.get(name));
      expect(createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 16)).toBe(digest);
    }
  });
});
