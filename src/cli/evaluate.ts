import type { Command } from "commander";
import { UsageError } from "../errors.js";
import { resolveModel } from "../runs/model-argument.js";
import { ATTACK_FLAGS, addFlags, MACHINE_FLAGS, settingsOf } from "./flags.js";

interface EvaluateOptions extends Readonly<Record<string, unknown>> {
  readonly data?: string;
  readonly split: "validation" | "test";
  readonly route: string;
  readonly checkpoint?: string;
  readonly attack?: string;
  readonly limitTest?: string;
  readonly seed: string;
  readonly threads: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `advprop evaluate MODEL --data PATH [--attack pgd ...]`: accuracy on clean images, and under an attack. */
export function define(command: Command): void {
  command
    .argument("<model>", "a run folder, or a checkpoint's .safetensors file")
    .option("--data <path>", "folder of the images (default: those the run was trained on)")
    .option("--split <name>", "test or validation", "test")
    .option("--route <name>", "the batch norms to go through", "main")
    .option(
      "--checkpoint <which>",
      "of a run folder: last, best or a kept step (default: best if there is one, else last)",
    );
  addFlags(command, ATTACK_FLAGS);
  addFlags(command, MACHINE_FLAGS);
  command
    .option("--limit-test <count>", "only the first images")
    .option("--seed <number>", "of the attack's random draws", "0")
    .option("--threads <count>", "threads in an operator, 0 for all cores", "0")
    .option("--json", "print one JSON object")
    .option("--quiet", "no progress")
    .action(evaluate);
}

async function evaluate(model: string, options: EvaluateOptions): Promise<void> {
  const { runEvaluation } = await import("./run-evaluation.js");
  const { run, weights } = resolveModel("evaluate", model, options.checkpoint);
  const attackFlags = settingsOf(ATTACK_FLAGS, options);
  if (options.attack === undefined && attackFlags.length > 0) {
    throw new UsageError("ERR_ATTACK", "evaluate: the attack's flags need an attack. Add --attack pgd");
  }
  const limitTest = options.limitTest === undefined ? undefined : wholeNumber(options.limitTest, "--limit-test", 1);
  if (options.split !== "test" && options.split !== "validation") {
    throw new UsageError("ERR_SPLIT", `evaluate: --split must be test or validation; got ${options.split}`);
  }
  await runEvaluation({
    run,
    weights,
    data: options.data,
    split: options.split,
    route: options.route,
    attackSettings: options.attack === undefined ? undefined : attackFlags,
    machineSettings: settingsOf(MACHINE_FLAGS, options),
    limitTest,
    seed: wholeNumber(options.seed, "--seed", 0),
    threads: wholeNumber(options.threads, "--threads", 0),
    json: options.json === true,
    quiet: options.quiet === true,
  });
}

function wholeNumber(text: string, flag: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError("ERR_FLAG", `evaluate: ${flag} must be a whole number of at least ${least}; got ${text}`);
}
