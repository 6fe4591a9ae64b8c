import { type Command, Option } from "commander";
import type { EvaluationAttackSpec } from "../../api/evaluation/attack.js";
import type { EvaluationSplit } from "../../api/evaluation/data.js";
import type { EvaluationEvent } from "../../api/evaluation/events.js";
import type { EvaluationOptions } from "../../api/evaluation/options.js";
import { EVALUATION_ATTACKS } from "../../attacks/evaluation/names.js";
import { TRAINING_ATTACKS } from "../../attacks/names.js";
import { shellWord, UsageError } from "../../errors.js";
import type { EvaluationFile } from "../../runs/schema.js";
import { withFlags } from "../flags/flag-names.js";
import { ATTACK_FLAGS, addFlags, BAD_IMAGE_FLAGS, changesOf, givenFlags, MACHINE_FLAGS } from "../flags/flags.js";
import { onnxOption, onnxOptions } from "../flags/onnx-flag.js";
import { wholeNumber } from "../flags/set-flags.js";
import { attackSetOption, attackSettings } from "../flags/settings.js";

interface EvaluateFlags extends Readonly<Record<string, unknown>> {
  readonly data?: string;
  readonly split?: string;
  readonly route?: string;
  readonly checkpoint?: string;
  readonly onnx?: readonly string[];
  readonly classMap?: string;
  readonly cropFraction?: string;
  readonly suite?: string;
  readonly frostTextures?: string;
  readonly to?: string;
  /** The earlier name of `to`. */
  readonly output?: string;
  readonly attack?: string;
  readonly restarts?: string;
  readonly set: readonly string[];
  readonly limitTest?: string;
  readonly seed?: string;
  readonly threads: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const SPLITS: readonly string[] = ["test", "validation", "all"] satisfies EvaluationSplit[];

/** An evaluation has more attacks than training, and other defaults for them. */
const EVALUATION_ATTACK_FLAGS = ATTACK_FLAGS.map((one) => ({
  ...one,
  description:
    {
      "attack.name": `${[...new Set([...EVALUATION_ATTACKS, ...TRAINING_ATTACKS])].join(", ")}, or one of --parts (docs/attacks.md)`,
      "attack.epsilon": "radius, with pixels in [0, 1] (default: 8/255; 0.5 in l2)",
      "attack.stepSize": "step size of pgd, i-fgsm and gd (default: epsilon / 4)",
      "attack.steps": "number of steps (default: 100 for apgd and fab, else 10)",
      "attack.target": "random: a random wrong class, or none: untargeted (default: none)",
    }[one.path] ?? one.description,
}));

/** `advprop evaluate MODEL --data PATH [--attack pgd ...]`measures accuracy on clean images and under an attack. */
export function define(command: Command): void {
  command
    .argument(
      "<models...>",
      "a run folder, weights (.safetensors, .pth, .pt, .th; an https address; hf:OWNER/NAME), or the .onnx file of any classifier; --suite takes several",
    )
    .option("--data <path>", "folder of the images, or a corrupted set (default: the data of the run)")
    .option("--split <name>", "test, validation or all (default: test; all images if the folder has no splits)")
    .option("--class-map <file>", "a JSON or YAML file that says which classes of the model belong to each folder")
    .option("--crop-fraction <share>", "share of a photo's short side that the crop keeps (default: the model's rule)")
    .addOption(onnxOption())
    .option("--suite <name>", "standard: measure all models on clean, corrupted, stylised and attacked images")
    .option("--frost-textures <dir>", "folder of photographs of frost for the suite, instead of generated textures")
    .option(
      "--to <folder>",
      "folder of the report and the measurements of a suite or a corrupted set (default: robustness)",
    )
    .addOption(new Option("--output <folder>").hideHelp())
    .option("--route <name>", "batch norms to use (default: main)")
    .option(
      "--checkpoint <which>",
      "checkpoint of the run: last, best or the step of a kept one (default: best if there is one, else last)",
    );
  addFlags(command, EVALUATION_ATTACK_FLAGS);
  addFlags(command, BAD_IMAGE_FLAGS);
  addFlags(command, MACHINE_FLAGS);
  command
    .addOption(attackSetOption())
    .option("--restarts <count>", "number of runs of the attack, each with other random draws (default: 1)")
    .option("--limit-test <count>", "use only this many images of the split (default: all; 1000 under a costly attack)")
    .option("--seed <number>", "seed of the random draws of an attack or a suite (default: 0)")
    .option("--threads <count>", "threads per operator; 0 uses all cores", "0")
    .option("--json", "print one JSON object")
    .option("--quiet", "hide the progress")
    .action(evaluate);
}

async function evaluate(models: readonly string[], options: EvaluateFlags): Promise<void> {
  checkNames(options);
  const { changeRecipe } = await import("../../recipes/resolve.js");
  const { device, precision, memoryLimit, data } = changeRecipe(
    {},
    changesOf([...MACHINE_FLAGS, ...BAD_IMAGE_FLAGS], options),
  );
  const { EvaluationReport } = await import("../output/evaluation-report.js");
  const report = new EvaluationReport(options.quiet === true);
  const common: EvaluationOptions = {
    checkpoint: options.checkpoint,
    data: options.data,
    split: splitOf(options),
    route: options.route,
    onnx: onnxOptions(options.onnx ?? []),
    classMap: options.classMap,
    cropFraction: cropFractionOf(options),
    ...{ device, precision, memoryLimit, ...data },
    limitTest:
      options.limitTest === undefined ? undefined : wholeNumber("evaluate", "--limit-test", options.limitTest, 1),
    seed: options.seed === undefined ? undefined : wholeNumber("evaluate", "--seed", options.seed, 0),
    threads: wholeNumber("evaluate", "--threads", options.threads, 0),
    command: ["advprop", ...process.argv.slice(2)],
    onEvent: (event) => report.show(event),
  };
  const { evaluateSuite, isCorruptedSet } = await import("../../api/evaluation/suite.js");
  const corrupted = isCorruptedSet(options.data);
  if (options.suite !== undefined || corrupted) {
    checkSuite(options, corrupted);
    const { frostTextures, to = "robustness" } = options;
    const { result, document } = await evaluateSuite(models, { ...common, frostTextures, to });
    const { renderText } = await import("../../evaluation/report/text.js");
    return print(options, result, () => renderText(document));
  }
  const [model, ...others] = models;
  const suiteFlag =
    options.frostTextures === undefined
      ? "--to is only for a suite or a corrupted set"
      : "--frost-textures is only for a suite";
  if (others.length > 0 || options.to !== undefined || options.frostTextures !== undefined) {
    const what = others.length > 0 ? "only a suite takes several models" : suiteFlag;
    throw new UsageError("ERR_SUITE", `evaluate: ${what}. Add --suite standard`);
  }
  const { evaluate: evaluateOne } = await import("../../api/evaluation/evaluate.js");
  const { describeEvaluation } = await import("../output/evaluation-text.js");
  const tell = (result: EvaluationFile) => print(options, result, () => describeEvaluation(result));
  const onEvent = (event: EvaluationEvent) => (event.type === "unsaved" ? tell(event.result) : report.show(event));
  tell(await evaluateOne(model, { ...common, onEvent, attack: attackOf(options) }));
}

function print({ json }: EvaluateFlags, result: object, text: () => string): void {
  console.log(json ? JSON.stringify(result) : withFlags(text()));
}

/** @throws UsageError ERR_FLAG an old name of a flag is used; ERR_SUITE the suite is not known */
function checkNames({ output, suite }: EvaluateFlags): void {
  if (output !== undefined) {
    throw new UsageError("ERR_FLAG", `evaluate: --output is now called --to. Write --to ${shellWord(output)}`);
  }
  if (suite !== undefined && suite !== "standard") {
    throw new UsageError("ERR_SUITE", `evaluate: --suite must be standard; got ${suite}`);
  }
}

/** @throws UsageError ERR_ATTACK flags of an attack are given without --attack */
function attackOf(options: EvaluateFlags): EvaluationAttackSpec | undefined {
  const flags = changesOf(ATTACK_FLAGS, options).map(({ path, value }) => [path.replace("attack.", ""), value]);
  const { restarts } = options;
  const keys = {
    ...Object.fromEntries(flags),
    ...(restarts !== undefined && { restarts: wholeNumber("evaluate", "--restarts", restarts, 1) }),
    ...attackSettings(options.set),
  };
  if (options.attack === undefined) {
    if (Object.keys(keys).length === 0) return undefined;
    const [flag = "--restarts"] = [...givenFlags(ATTACK_FLAGS, options), ...options.set.map((one) => `--set ${one}`)];
    throw new UsageError("ERR_ATTACK", `evaluate: ${flag} needs an attack. Leave it out, or add --attack pgd`);
  }
  // planAttack checks its keys and values.
  return keys as EvaluationAttackSpec;
}

/** @throws UsageError ERR_SUITE, ERR_ATTACK a flag has no meaning for a suite, or for a corrupted set */
function checkSuite(options: EvaluateFlags, corrupted: boolean): void {
  const others = options.restarts === undefined ? options.set.map(() => "--set") : ["--restarts"];
  const [attackFlag] = [...givenFlags(ATTACK_FLAGS, options), ...others];
  if (attackFlag !== undefined) {
    const why = corrupted ? "a corrupted set is not attacked" : "the suite has its own attacks";
    throw new UsageError("ERR_ATTACK", `evaluate: ${why}; leave ${attackFlag} out`);
  }
  if (!corrupted || options.suite === undefined) return;
  const what = `${options.data} is a corrupted set, and only its own images are measured`;
  throw new UsageError("ERR_SUITE", `evaluate: ${what}; leave --suite out, or give the clean images to --data`);
}

function splitOf({ split }: EvaluateFlags): EvaluationSplit | undefined {
  if (split === undefined || SPLITS.includes(split)) return split as EvaluationSplit | undefined;
  throw new UsageError("ERR_SPLIT", `evaluate: --split must be ${SPLITS.join(", ")}; got ${split}`);
}

function cropFractionOf({ cropFraction }: EvaluateFlags): number | undefined {
  const share = cropFraction === undefined ? undefined : Number(cropFraction);
  if (share === undefined || (share > 0 && share <= 1)) return share;
  throw new UsageError("ERR_FLAG", `evaluate: --crop-fraction must be in (0, 1]; got ${cropFraction}`);
}
