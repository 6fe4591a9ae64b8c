/** Flags that several commands share, and what they set in a recipe. */
import type { Command } from "commander";
import { TRAINING_ATTACKS } from "../../attacks/names.js";
import { usualKey } from "../../recipes/other-names.js";
import type { RecipeChange } from "../../recipes/resolve.js";

/** A flag that is a short form of `--set path=value`. */
interface RecipeFlag {
  readonly flag: string;
  readonly path: string;
  readonly description: string;
}

/** The flags of an attack, the same in training and in evaluation. */
export const ATTACK_FLAGS: readonly RecipeFlag[] = [
  { flag: "--attack <name>", path: "attack.name", description: `${TRAINING_ATTACKS.join(", ")}, or one of --parts` },
  { flag: "--norm <name>", path: "attack.norm", description: "linf or l2 (default: linf)" },
  {
    flag: "--epsilon <size>",
    path: "attack.epsilon",
    description: "radius, with pixels in [0, 1] (default: the network's own, 1/255 to 4/255; in l2 0.5)",
  },
  {
    flag: "--step-size <size>",
    path: "attack.stepSize",
    description: "step, with pixels in [0, 1] (default: 1/255; in l2 2.5 epsilon / steps)",
  },
  {
    flag: "--attack-steps <count>",
    path: "attack.steps",
    description: "steps (default: 255 epsilon + 1, and 1 where epsilon is 1/255; in l2 5)",
  },
  {
    flag: "--target <which>",
    path: "attack.target",
    description: "random wrong class, or none: untargeted (default: random)",
  },
];

/** The flags of where and how exactly to compute, the same in training and in evaluation. */
export const MACHINE_FLAGS: readonly RecipeFlag[] = [
  { flag: "--device <name>", path: "device", description: "auto, cpu, cuda or cuda:N (default: auto, the CPU)" },
  { flag: "--precision <name>", path: "precision", description: "fp32 or bf16 (default: fp32)" },
  { flag: "--memory-limit <size>", path: "memoryLimit", description: "most memory for tensors, such as 12GB" },
  { flag: "--workers <count>", path: "data.workers", description: "threads that read photos (default: one a core)" },
];

/** What is done about photos that cannot be read, the same in training and in evaluation. */
export const BAD_IMAGE_FLAGS: readonly RecipeFlag[] = [
  {
    flag: "--on-bad-image <what>",
    path: "data.onBadImage",
    description: "fail, or skip photos that cannot be decoded (default: fail)",
  },
  { flag: "--max-bad <count>", path: "data.maxBad", description: "most photos that are skipped (default: 100)" },
];

/** The flags of training. */
export const TRAINING_FLAGS: readonly RecipeFlag[] = [
  {
    flag: "--data <path>",
    path: "data.path",
    description: "folder of the images or of shards, addresses of shards, or shapes: the built-in set",
  },
  {
    flag: "--model <name>",
    path: "model",
    description: "the network (default: resnet20, of photos that of the recipe photos; list: advprop models)",
  },
  {
    flag: "--method <name>",
    path: "method",
    description:
      "advprop, fine-grained, fast-advprop, vanilla, adversarial, mixture, or a control: clean-copy, noise, sign-noise, vanilla-doubled, vanilla-two-views (default: advprop)",
  },
  {
    flag: "--weights <file>",
    path: "finetune.weights",
    description:
      "weights to start from, of any classes: a run, a file of ours, timm's or torchvision's, an https address or hf:OWNER/NAME",
  },
  {
    flag: "--image-size <pixels>",
    path: "data.imageSize",
    description: "side of the images (default: the data's; 224 of photos)",
  },
  ...BAD_IMAGE_FLAGS,
  { flag: "--epochs <count>", path: "training.epochs", description: "passes over the training images (default: 15)" },
  {
    flag: "--batch-size <count>",
    path: "training.batchSize",
    description: "images in a mini-batch, over all processes, or auto (default: 128)",
  },
  { flag: "--lr <rate>", path: "optimizer.lr", description: "highest learning rate (default: 0.1)" },
  { flag: "--seed <number>", path: "seed", description: "of every random draw (default: 0)" },
  ...MACHINE_FLAGS,
  { flag: "--threads <count>", path: "threads", description: "threads in an operator (default: 0, all cores)" },
  { flag: "--limit-train <count>", path: "data.limitTrain", description: "only the first training images" },
  {
    flag: "--validation-fraction <share>",
    path: "data.validationFraction",
    description: "share of the training images that chooses the best checkpoint",
  },
];

/** Of several ranks, see docs/scaling.md. */
export const SYNC_FLAG: RecipeFlag = {
  flag: "--sync-bn",
  path: "training.syncBatchNorm",
  description: "of several processes: batch norms see their parts of a mini-batch together",
};

/** The flags of the benchmark. */
export const BENCH_FLAGS: readonly RecipeFlag[] = [...TRAINING_FLAGS, ...ATTACK_FLAGS]
  .filter(({ path }) =>
    [
      "model",
      "method",
      "training.batchSize",
      "data.imageSize",
      "attack.steps",
      "precision",
      "device",
      "threads",
      "memoryLimit",
    ].includes(path),
  )
  .map((one) => (one.path === "attack.steps" ? { ...one, description: "steps of the attack (default: 5)" } : one));

/** Adds flags to a command, which then knows what other programs call them. */
export function addFlags(command: Command, flags: readonly RecipeFlag[]): void {
  command.configureOutput({ outputError: (message, write) => write(withUsualFlag(message, command)) });
  for (const { flag, description } of flags) command.option(flag, description);
}

/** What the flags that were given set in a recipe: each a number where its text is one, else the text. */
export function changesOf(flags: readonly RecipeFlag[], options: Readonly<Record<string, unknown>>): RecipeChange[] {
  return flags.flatMap(({ flag, path }): RecipeChange[] => {
    const value = options[camelCase(flag)];
    if (value === true) return [{ path, value }]; // a flag without a value
    return value === undefined ? [] : [{ path, value: plain(String(value)) }];
  });
}

/** The flags that were given, as they are written. */
export function givenFlags(flags: readonly RecipeFlag[], options: Readonly<Record<string, unknown>>): string[] {
  return flags.filter(({ flag }) => options[camelCase(flag)] !== undefined).map(({ flag }) => flag.split(" ")[0]);
}

/** Commander's message of an unknown flag, with the command's own flag where the word is another name of it. */
function withUsualFlag(message: string, command: Command): string {
  const usual = usualKey(/unknown option '--([\w-]+)'/.exec(message)?.[1] ?? "");
  const long = (flag: string) => flag.split(" ")[0];
  const known = [...TRAINING_FLAGS, ...ATTACK_FLAGS].find(
    ({ flag, path }) =>
      path.split(".").at(-1) === usual && command.options.some((option) => option.long === long(flag)),
  );
  if (known === undefined) return message;
  return `${message.split("\n")[0]}\n(Did you mean ${long(known.flag)}?)\n`;
}

/** "--step-size <size>" to "stepSize", as commander names it. */
const camelCase = (flag: string): string =>
  flag
    .split(" ")[0]
    .slice(2)
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A number where the text is one. */
const plain = (text: string): string | number =>
  text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
