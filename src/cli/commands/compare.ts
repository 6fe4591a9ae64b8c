import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { Budget, Comparison } from "../../api/compare/plan.js";
import type { SuitePart } from "../../api/evaluation/benchmark.js";
import { UsageError } from "../../errors.js";
import type { Recipe } from "../../recipes/schema.js";
import { ATTACK_FLAGS, addFlags, changesOf, TRAINING_FLAGS } from "../flags/flags.js";
import { choice, wholeNumber } from "../flags/set-flags.js";
import { setOption, settingChanges } from "../flags/settings.js";

interface CompareFlags extends Readonly<Record<string, unknown>> {
  readonly methods?: string;
  readonly recipe?: string;
  readonly seeds?: string;
  readonly folds?: string;
  readonly budget: string;
  readonly suiteParts?: string;
  readonly checkpoint?: string;
  readonly limitTest?: string;
  readonly to: string;
  readonly set: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const PARTS = ["clean", "corrupted", "stylised", "attacked"] as const satisfies readonly SuitePart[];
const BUDGETS = ["epochs", "compute", "time"] as const satisfies readonly Budget[];

/** The flags of training that all arms share. */
const SHARED = [...TRAINING_FLAGS.filter(({ path }) => path !== "method"), ...ATTACK_FLAGS];

/** `advprop compare FILE | --methods A,B --data PATH --seeds N --to DIR`trains methods and compares them. */
export function define(command: Command): void {
  command
    .argument("[file]", "a YAML file of named arms; each changes the recipe in `common` (docs/comparing.md)")
    .option(
      "--methods <names>",
      "methods to compare, separated by commas, instead of a file; the others are compared with the first",
    )
    .option("--recipe <name>", "name or file of a recipe that all arms share");
  addFlags(command, SHARED);
  command
    .option("--seeds <count>", "number of seeds; each arm is trained once per seed (default: 3)")
    .option("--folds <count>", "number of folds: cross-validate a folder of photos without splits instead")
    .option("--budget <what>", "what all arms get as much of as the first one: epochs, compute or time", "epochs")
    .option("--suite-parts <names>", "what to measure: clean, corrupted, stylised, attacked (default: all)")
    .option("--checkpoint <which>", "checkpoint of each run: last, best or the step of a kept one", "last")
    .option("--limit-test <count>", "use only this many test images")
    .option("--to <folder>", "folder of the runs and the report; give it again to continue after a stop", "comparison")
    .addOption(setOption())
    .option("--json", "print one JSON object at the end")
    .option("--quiet", "print only warnings")
    .action(compare);
}

async function compare(file: string | undefined, flags: CompareFlags): Promise<void> {
  const { compare: run } = await import("../../api/compare/compare.js");
  const { renderText } = await import("../../evaluation/report/text.js");
  const { withFlags } = await import("../flags/flag-names.js");
  const { ComparisonReport } = await import("../output/comparison-report.js");
  const { stopOnSignals } = await import("../signals.js");
  const comparison = await comparisonOf(file, flags);
  const count = (text: string | undefined, flag: string) =>
    text === undefined ? undefined : wholeNumber("compare", flag, text, 1);
  const report = new ComparisonReport(flags.quiet === true);
  const stop = stopOnSignals((line) => report.say(line));
  try {
    const { result, document } = await run(comparison, {
      to: flags.to,
      seeds: count(flags.seeds, "--seeds"),
      folds: count(flags.folds, "--folds"),
      budget: choice("compare", "--budget", flags.budget, BUDGETS),
      parts: flags.suiteParts?.split(",").map((part) => choice("compare", "--suite-parts", part.trim(), PARTS)),
      checkpoint: flags.checkpoint,
      limitTest: count(flags.limitTest, "--limit-test"),
      // The evaluation uses the device, precision and threads of the training.
      threads: comparison.common?.threads,
      precision: comparison.common?.precision,
      device: comparison.common?.device,
      memoryLimit: comparison.common?.memoryLimit,
      workers: comparison.common?.data?.workers,
      signal: stop.signal,
      command: ["advprop", ...process.argv.slice(2)],
      onEvent: (event) => report.show(event),
    });
    if (result.status === "stopped" || result.failures.length > 0) process.exitCode = 1;
    console.log(flags.json ? JSON.stringify(result) : withFlags(renderText(document)));
  } finally {
    report.end();
    stop.dispose();
  }
}

/** @throws UsageError ERR_COMPARE neither a file nor methods are given, or both; what reading the recipe throws */
async function comparisonOf(file: string | undefined, flags: CompareFlags): Promise<Comparison> {
  const { changeRecipe } = await import("../../recipes/resolve.js");
  const { loadRecipe } = await import("../../recipes/library.js");
  const { checkGivenKeys } = await import("../../recipes/build/given-keys.js");
  const { planFile } = await import("../../api/compare/plan.js");
  const { needsPhotoRecipe, PHOTO_RECIPE } = await import("../../recipes/build/photos.js");
  const changes = [...changesOf(SHARED, flags), ...settingChanges(flags.set)];
  const changed = (recipe: Recipe) => {
    const common = changeRecipe(recipe, changes);
    // A comparison that has begun keeps its settings.
    if (!existsSync(planFile(flags.to))) checkGivenKeys(common, changes, "compare");
    return common;
  };
  if ((file === undefined) === (flags.methods === undefined)) {
    throw new UsageError("ERR_COMPARE", "compare: give a file with arms, or --methods A,B");
  }
  if (file !== undefined) {
    const { readComparison } = await import("../../api/compare/file.js");
    const { common, arms, recipe } = readComparison(file);
    const named = flags.recipe ?? recipe;
    const base = named === undefined ? {} : loadRecipe(named);
    return { common: changed({ ...base, ...common }), arms };
  }
  const given = changeRecipe({}, changes);
  const named = flags.recipe ?? (needsPhotoRecipe(given) ? PHOTO_RECIPE : undefined);
  const common = changed(named === undefined ? {} : loadRecipe(named));
  // compare() checks whether the methods exist.
  const methods = flags.methods!.split(",").map((name) => name.trim());
  return {
    common,
    arms: Object.fromEntries(methods.map((method) => [method, { method: method as Recipe["method"] }])),
  };
}
