import type { Command } from "commander";
import { UsageError } from "../../errors.js";
import { addFlags, BENCH_FLAGS } from "../flags/flags.js";

interface BenchOptions extends Readonly<Record<string, unknown>> {
  readonly repeats: string;
  readonly profile?: boolean;
  readonly json?: boolean;
}

/** `advprop bench --model M --method METHOD ...`: measures how long an update on random images takes, and where the time goes. */
export function define(command: Command): void {
  addFlags(command, BENCH_FLAGS);
  command
    .option("--repeats <count>", "number of timed steps after the warm-up", "5")
    .option("--profile", "print where the time goes, by operator")
    .option("--json", "print one JSON object")
    .action(bench);
}

async function bench(options: BenchOptions): Promise<void> {
  const repeats = Number(options.repeats);
  if (!Number.isInteger(repeats) || repeats < 1) {
    throw new UsageError("ERR_REPEATS", `bench: --repeats must be a positive integer; got ${options.repeats}`);
  }
  const { benchRecipe } = await import("../bench/recipe.js");
  const { measure, profileTable, summary } = await import("../bench/measure.js");
  const { profile, ...measurement } = await measure(benchRecipe(options), repeats);
  if (options.json) {
    console.log(JSON.stringify(options.profile ? { ...measurement, profile } : measurement));
    return;
  }
  console.log(summary(measurement));
  if (options.profile) console.log(`\n${profileTable(profile)}`);
}
