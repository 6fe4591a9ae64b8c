import type { Command } from "commander";
import { UsageError } from "../errors.js";
import type { EvaluationSplit } from "./evaluation-data.js";
import { ATTACK_FLAGS, addFlags, BAD_IMAGE_FLAGS, givenFlags, MACHINE_FLAGS, settingsOf } from "./flags.js";
import { onnxOptions } from "./onnx-flag.js";

interface EvaluateOptions extends Readonly<Record<string, unknown>> {
  readonly data?: string;
  readonly split?: string;
  readonly route?: string;
  readonly checkpoint?: string;
  readonly onnx?: readonly string[];
  readonly classMap?: string;
  readonly cropFraction?: string;
  readonly suite?: string;
  readonly frostTextures?: string;
  readonly output?: string;
  readonly attack?: string;
  readonly restarts?: string;
  readonly limitTest?: string;
  readonly seed: string;
  readonly threads: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const SPLITS: readonly string[] = ["test", "validation", "all"] satisfies EvaluationSplit[];

/** An evaluation knows more attacks than training, and other defaults of theirs. */
const EVALUATION_ATTACK_FLAGS = ATTACK_FLAGS.map((one) => ({
  ...one,
  description:
    {
      "attack.name": "autoattack, apgd-ce, apgd-dlr, apgd-t, fab, square; pgd, i-fgsm, gd or fgsm (docs/attacks.md)",
      "attack.epsilon": "radius, with pixels in [0, 1] (default: 8/255, in l2 0.5)",
      "attack.stepSize": "step of pgd, i-fgsm and gd (default: epsilon / 4)",
      "attack.steps": "steps (default: 100 of apgd and fab, else 10)",
      "attack.target": "random wrong class, or none: untargeted (default: none)",
    }[one.path] ?? one.description,
}));

/** `advprop evaluate MODEL --data PATH [--attack pgd ...]`: accuracy on clean images, and under an attack. */
export function define(command: Command): void {
  command
    .argument(
      "<models...>",
      "a run folder, weights (.safetensors, .pth, .pt, .th; an https address; hf:OWNER/NAME), or any classifier's .onnx file; several with --suite",
    )
    .option("--data <path>", "folder of the images, or a corrupted set (default: the images the run was trained on)")
    .option("--split <name>", "test, validation or all (default: test; all of a folder without parts)")
    .option("--class-map <file>", "JSON or YAML: the classes of the model that each folder stands for")
    .option("--crop-fraction <share>", "of the short side that is cut out of photos (default: the model's rule)")
    .option(
      "--onnx <key=value>",
      "of an ONNX file, again for each: layout, imageSize, pixelRange, mean, std, classes and others",
      (setting: string, earlier: readonly string[] = []) => [...earlier, setting],
    )
    .option("--suite <name>", "standard: clean, corrupted, stylised and attacked images, of all models side by side")
    .option("--frost-textures <dir>", "photographs of frost for the suite, instead of textures made by program")
    .option(
      "--output <folder>",
      "of the suite's or the corrupted set's report and what was measured (default: robustness)",
    )
    .option("--route <name>", "the batch norms to go through (default: main)")
    .option(
      "--checkpoint <which>",
      "of a run folder: last, best or a kept step (default: best if there is one, else last)",
    );
  addFlags(command, EVALUATION_ATTACK_FLAGS);
  addFlags(command, BAD_IMAGE_FLAGS);
  addFlags(command, MACHINE_FLAGS);
  command
    .option("--restarts <count>", "runs of the attack from other random starts (default: 1)")
    .option("--limit-test <count>", "only so many images of the part (default: all; 1000 under a costly attack)")
    .option("--seed <number>", "of the attack's random draws", "0")
    .option("--threads <count>", "threads in an operator, 0 for all cores", "0")
    .option("--json", "print one JSON object")
    .option("--quiet", "no progress")
    .action(evaluate);
}

async function evaluate(models: readonly string[], options: EvaluateOptions): Promise<void> {
  const attackFlags = settingsOf(ATTACK_FLAGS, options);
  const common = {
    checkpoint: options.checkpoint,
    data: options.data,
    split: splitOf(options),
    route: options.route,
    onnx: onnxOptions(options.onnx ?? []),
    classMap: options.classMap,
    cropFraction: cropFractionOf(options),
    machineSettings: settingsOf(MACHINE_FLAGS, options),
    badImageSettings: settingsOf(BAD_IMAGE_FLAGS, options),
    limitTest: options.limitTest === undefined ? undefined : wholeNumber(options.limitTest, "--limit-test", 1),
    seed: wholeNumber(options.seed, "--seed", 0),
    threads: wholeNumber(options.threads, "--threads", 0),
    json: options.json === true,
    quiet: options.quiet === true,
  };
  const corruptedSet = await corruptedSetOf(options);
  if (options.suite !== undefined || corruptedSet !== undefined) {
    checkSuite(options, corruptedSet);
    const { runSuiteCommand } = await import("./run-suite.js");
    const { frostTextures, output = "robustness" } = options;
    return runSuiteCommand({ ...common, models, frostTextures, corruptedSet, output });
  }
  const [model, ...others] = models;
  const flag = options.frostTextures === undefined ? "--output" : "--frost-textures";
  if (others.length > 0 || options.output !== undefined || options.frostTextures !== undefined) {
    const what = others.length > 0 ? "several models are for a suite, side by side" : `${flag} is for a suite`;
    throw new UsageError("ERR_SUITE", `evaluate: ${what}. Add --suite standard`);
  }
  if (options.attack === undefined && (attackFlags.length > 0 || options.restarts !== undefined)) {
    throw new UsageError("ERR_ATTACK", "evaluate: the attack's flags need an attack. Add --attack pgd");
  }
  const { runEvaluation } = await import("./run-evaluation.js");
  await runEvaluation({
    ...common,
    model,
    attackSettings: options.attack === undefined ? undefined : attackFlags,
    restarts: wholeNumber(options.restarts ?? "1", "--restarts", 1),
  });
}

/** The folder of the data where it is a corrupted set, which is measured cell by cell. */
async function corruptedSetOf({ data }: EvaluateOptions): Promise<string | undefined> {
  const { SHAPES } = await import("../recipes/data.js");
  if (data === undefined || data === SHAPES) return undefined;
  const { recogniseFolder } = await import("../data/recognise-folder.js");
  return recogniseFolder(data, "evaluate").kind === "corrupted" ? data : undefined;
}

/** @throws UsageError ERR_SUITE, ERR_ATTACK flags that say nothing of a suite, or of a corrupted set */
function checkSuite(options: EvaluateOptions, corruptedSet: string | undefined): void {
  if (options.suite !== undefined && options.suite !== "standard") {
    throw new UsageError("ERR_SUITE", `evaluate: --suite must be standard; got ${options.suite}`);
  }
  const [attackFlag = options.restarts && "--restarts"] = givenFlags(ATTACK_FLAGS, options);
  if (attackFlag !== undefined) {
    const why = corruptedSet === undefined ? "the suite has attacks of its own" : "a corrupted set is not attacked";
    throw new UsageError("ERR_ATTACK", `evaluate: ${why}; leave ${attackFlag} out`);
  }
  if (corruptedSet === undefined) return;
  const [badImageFlag] = givenFlags(BAD_IMAGE_FLAGS, options);
  if (badImageFlag !== undefined) {
    const what = "the images of a corrupted set are the same under every corruption, so none can be left out of one";
    throw new UsageError("ERR_FLAG", `evaluate: ${what}; leave ${badImageFlag} out, and replace the photo`);
  }
  const flags = { "--suite": options.suite, "--split": options.split, "--frost-textures": options.frostTextures };
  for (const [flag, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const what = `${corruptedSet} is a corrupted set, whose images are measured as they are`;
    throw new UsageError("ERR_SUITE", `evaluate: ${what}; leave ${flag} out, or give the clean images to --data`);
  }
}

function splitOf({ split }: EvaluateOptions): EvaluationSplit | undefined {
  if (split === undefined || SPLITS.includes(split)) return split as EvaluationSplit | undefined;
  throw new UsageError("ERR_SPLIT", `evaluate: --split must be ${SPLITS.join(", ")}; got ${split}`);
}

function cropFractionOf({ cropFraction }: EvaluateOptions): number | undefined {
  const share = cropFraction === undefined ? undefined : Number(cropFraction);
  if (share === undefined || (share > 0 && share <= 1)) return share;
  throw new UsageError("ERR_FLAG", `evaluate: --crop-fraction must be in (0, 1]; got ${cropFraction}`);
}

function wholeNumber(text: string, flag: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError("ERR_FLAG", `evaluate: ${flag} must be a whole number of at least ${least}; got ${text}`);
}
