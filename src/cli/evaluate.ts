import type { Command } from "commander";
import { UsageError } from "../errors.js";
import { resolveModel } from "../runs/model-argument.js";
import { ATTACK_FLAGS, addFlags, givenFlags, MACHINE_FLAGS, settingsOf } from "./flags.js";

interface EvaluateOptions extends Readonly<Record<string, unknown>> {
  readonly data?: string;
  readonly split: string;
  readonly suite?: string;
  readonly output: string;
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
    .argument("<models...>", "a run folder, or a checkpoint's .safetensors file; several with --suite")
    .option("--data <path>", "folder of the images (default: those the run was trained on)")
    .option("--split <name>", "test or validation", "test")
    .option("--route <name>", "the batch norms to go through", "main")
    .option(
      "--checkpoint <which>",
      "of a run folder: last, best or a kept step (default: best if there is one, else last)",
    );
  command
    .option("--suite <name>", "standard: clean, 15 corruptions x 5, stylised and attacks, of models side by side")
    .option("--output <folder>", "of the suite's report and of what it measured", "robustness");
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

async function evaluate(models: readonly string[], options: EvaluateOptions): Promise<void> {
  if (options.suite !== undefined) return evaluateSuite(models, options);
  const [model, ...others] = models;
  if (others.length > 0) {
    throw new UsageError(
      "ERR_MODELS",
      "evaluate: several models are measured side by side by a suite. Add --suite standard",
    );
  }
  const { runEvaluation } = await import("./run-evaluation.js");
  const { run, weights } = resolveModel("evaluate", model, options.checkpoint);
  const attackFlags = settingsOf(ATTACK_FLAGS, options);
  if (options.attack === undefined && attackFlags.length > 0) {
    throw new UsageError("ERR_ATTACK", "evaluate: the attack's flags need an attack. Add --attack pgd");
  }
  const limitTest = options.limitTest === undefined ? undefined : wholeNumber(options.limitTest, "--limit-test", 1);
  await runEvaluation({
    run,
    weights,
    data: options.data,
    split: splitOf(options),
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

async function evaluateSuite(models: readonly string[], options: EvaluateOptions): Promise<void> {
  if (options.suite !== "standard") {
    throw new UsageError("ERR_SUITE", `evaluate: --suite must be standard; got ${options.suite}`);
  }
  const [attackFlag] = givenFlags(ATTACK_FLAGS, options);
  if (attackFlag !== undefined) {
    throw new UsageError("ERR_ATTACK", `evaluate: the suite has attacks of its own; leave ${attackFlag} out`);
  }
  const { runSuiteCommand } = await import("./run-suite.js");
  await runSuiteCommand({
    models,
    data: options.data,
    split: splitOf(options),
    route: options.route,
    checkpoint: options.checkpoint,
    onnx: undefined,
    output: options.output,
    machineSettings: settingsOf(MACHINE_FLAGS, options),
    limitTest: options.limitTest === undefined ? undefined : wholeNumber(options.limitTest, "--limit-test", 1),
    seed: wholeNumber(options.seed, "--seed", 0),
    threads: wholeNumber(options.threads, "--threads", 0),
    json: options.json === true,
    quiet: options.quiet === true,
  });
}

function splitOf({ split }: EvaluateOptions): "validation" | "test" {
  if (split === "test" || split === "validation") return split;
  throw new UsageError("ERR_SPLIT", `evaluate: --split must be test or validation; got ${split}`);
}

function wholeNumber(text: string, flag: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError("ERR_FLAG", `evaluate: ${flag} must be a whole number of at least ${least}; got ${text}`);
}
