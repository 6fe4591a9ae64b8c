/** Flags that several commands share, and the recipe keys that they set. */
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
    description: "radius, with pixels in [0, 1] (default: by network, 1/255 to 4/255; 0.5 in l2)",
  },
  {
    flag: "--step-size <size>",
    path: "attack.stepSize",
    description:
      "step size, with pixels in [0, 1] (default: 1/255, or epsilon / steps if that is larger; 2.5 epsilon / steps in l2)",
  },
  {
    flag: "--attack-steps <count>",
    path: "attack.steps",
    description: "number of steps (default: 255 epsilon + 1, but 1 if epsilon is 1/255 or less; 5 in l2)",
  },
  {
    flag: "--target <which>",
    path: "attack.target",
    description: "random: a random wrong class, or none: untargeted (default: random)",
  },
];

/** The flags for device, precision, memory and threads, the same in training and in evaluation. */
export const MACHINE_FLAGS: readonly RecipeFlag[] = [
  { flag: "--device <name>", path: "device", description: "auto, cpu, cuda or cuda:N (default: auto, the CPU)" },
  { flag: "--precision <name>", path: "precision", description: "fp32 or bf16 (default: fp32)" },
  { flag: "--memory-limit <size>", path: "memoryLimit", description: "largest memory for tensors, such as 12GB" },
  {
    flag: "--workers <count>",
    path: "data.workers",
    description: "threads that read photos (default: one per core, at most four)",
  },
];

/** The flags for photos that cannot be read, the same in training and in evaluation. */
export const BAD_IMAGE_FLAGS: readonly RecipeFlag[] = [
  {
    flag: "--on-bad-image <what>",
    path: "data.onBadImage",
    description: "what to do if a photo cannot be decoded: fail or skip (default: fail)",
  },
  { flag: "--max-bad <count>", path: "data.maxBad", description: "largest number of photos to skip (default: 100)" },
];

/** The flags of training. */
export const TRAINING_FLAGS: readonly RecipeFlag[] = [
  {
    flag: "--data <path>",
    path: "data.path",
    description: "folder of images or shards, addresses of shards, or shapes: the built-in data set",
  },
  {
    flag: "--model <name>",
    path: "model",
    description: "the network (default: resnet20; for photos that of the recipe named photos; list: advprop models)",
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
      "weights to start from; their classes may differ: a run, a weights file of advprop, timm or torchvision, an https address or hf:OWNER/NAME",
  },
  {
    flag: "--image-size <pixels>",
    path: "data.imageSize",
    description: "side of the images in pixels (default: that of the data; 224 for photos)",
  },
  ...BAD_IMAGE_FLAGS,
  { flag: "--epochs <count>", path: "training.epochs", description: "passes over the training images (default: 15)" },
  {
    flag: "--batch-size <count>",
    path: "training.batchSize",
    description: "images in a mini-batch, summed over all processes, or auto (default: 128)",
  },
  { flag: "--lr <rate>", path: "optimizer.lr", description: "highest learning rate (default: 0.1)" },
  { flag: "--seed <number>", path: "seed", description: "seed of all random draws (default: 0)" },
  ...MACHINE_FLAGS,
  { flag: "--threads <count>", path: "threads", description: "threads per operator (default: 0, all cores)" },
  { flag: "--limit-train <count>", path: "data.limitTrain", description: "use only this many training images" },
  {
    flag: "--validation-fraction <share>",
    path: "data.validationFraction",
    description: "share of the training images that is split off to choose the best checkpoint",
  },
];

/** For trainings by several processes, see docs/scaling.md. */
export const SYNC_FLAG: RecipeFlag = {
  flag: "--sync-bn",
  path: "training.syncBatchNorm",
  description: "with several processes: compute batch norm statistics over the whole mini-batch",
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
  .map((one) => (one.path === "attack.steps" ? { ...one, description: "number of attack steps (default: 5)" } : one));

/** Adds flags to a command. An unknown flag that is another program's name for one of them gets a hint. */
export function addFlags(command: Command, flags: readonly RecipeFlag[]): void {
  command.configureOutput({ outputError: (message, write) => write(withUsualFlag(message, command)) });
  for (const { flag, description } of flags) command.option(flag, description);
}

/** The recipe changes of the given flags. A text that is a number becomes a number. */
export function changesOf(flags: readonly RecipeFlag[], options: Readonly<Record<string, unknown>>): RecipeChange[] {
  return flags.flatMap(({ flag, path }): RecipeChange[] => {
    const value = options[camelCase(flag)];
    if (value === true) return [{ path, value }]; // a flag without a value
    return value === undefined ? [] : [{ path, value: plain(String(value)) }];
  });
}

/** The given flags, as the user writes them. */
export function givenFlags(flags: readonly RecipeFlag[], options: Readonly<Record<string, unknown>>): string[] {
  return flags.filter(({ flag }) => options[camelCase(flag)] !== undefined).map(({ flag }) => flag.split(" ")[0]);
}

/** Commander's message for an unknown flag, with a hint if the word is another name of one of the command's flags. */
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

/** Turns "--step-size <size>" into "stepSize", commander's name for it. */
const camelCase = (flag: string): string =>
  flag
    .split(" ")[0]
    .slice(2)
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The text as a number if it is one, else the text. */
const plain = (text: string): string | number =>
  text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
