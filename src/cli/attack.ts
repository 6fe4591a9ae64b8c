import type { Command } from "commander";
import { UsageError } from "../errors.js";
import { ATTACK_FLAGS, addFlags, changesOf, MACHINE_FLAGS } from "./flags.js";

interface AttackOptions extends Readonly<Record<string, unknown>> {
  readonly to: string;
  readonly target?: string;
  readonly route?: string;
  readonly checkpoint?: string;
  readonly seed: string;
  readonly threads: string;
  readonly json?: boolean;
}

const STRENGTH_FLAGS = ATTACK_FLAGS.filter(({ path }) =>
  ["attack.epsilon", "attack.stepSize", "attack.steps"].includes(path),
).map((one) => ({
  ...one,
  description:
    {
      "attack.epsilon": "most that a pixel changes, with pixels in [0, 1] (default: 4/255)",
      "attack.stepSize": "step (default: epsilon / 4)",
      "attack.steps": "steps of PGD (default: 10)",
    }[one.path] ?? one.description,
}));
const ATTACK_MACHINE_FLAGS = MACHINE_FLAGS.filter(({ path }) => path !== "data.workers");

/** `advprop attack MODEL PHOTO --epsilon 4/255 --to picture.png`: the picture of an attack on one photo. */
export function define(command: Command): void {
  command
    .argument("<model>", "a run folder, or weights: see docs/weights.md")
    .argument("<photo>", "a photo")
    .requiredOption("--to <file.png>", "where to write the picture");
  addFlags(command, STRENGTH_FLAGS);
  command
    .option("--target <class>", "the class to aim at (default: away from the photo's own)")
    .option("--route <name>", "the batch norms to attack (default: main); the picture shows all")
    .option(
      "--checkpoint <which>",
      "of a run folder: last, best or a kept step (default: best if there is one, else last)",
    )
    .option("--seed <number>", "of the random start", "0");
  addFlags(command, ATTACK_MACHINE_FLAGS);
  command
    .option("--threads <count>", "threads in an operator, 0 for all cores", "0")
    .option("--json", "print one JSON object")
    .action(attackPhoto);
}

async function attackPhoto(model: string, photo: string, options: AttackOptions): Promise<void> {
  const { to, target, route, checkpoint, seed, threads, json = false } = options;
  if (!to.toLowerCase().endsWith(".png")) {
    throw new UsageError("ERR_FLAG", `attack: --to must name a file that ends in .png; got ${to}`);
  }
  const { runAttack } = await import("./run-attack.js");
  await runAttack({
    model,
    photo,
    to,
    json,
    changes: [...changesOf(STRENGTH_FLAGS, options), ...changesOf(ATTACK_MACHINE_FLAGS, options)],
    options: {
      target,
      route,
      checkpoint,
      seed: wholeNumber(seed, "--seed"),
      threads: wholeNumber(threads, "--threads"),
    },
  });
}

function wholeNumber(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError("ERR_FLAG", `attack: ${flag} must be a whole number of at least 0; got ${text}`);
}
