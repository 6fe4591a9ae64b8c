import type { Command } from "commander";
import { EVALUATION_ATTACKS } from "../../attacks/evaluation/names.js";
import { TRAINING_ATTACKS } from "../../attacks/names.js";
import { UsageError } from "../../errors.js";
import { ATTACK_FLAGS, addFlags, changesOf, MACHINE_FLAGS } from "../flags/flags.js";
import { wholeNumber } from "../flags/set-flags.js";
import { attackSetOption, attackSettings } from "../flags/settings.js";

interface AttackOptions extends Readonly<Record<string, unknown>> {
  readonly to: string;
  readonly data?: string;
  readonly split?: string;
  readonly limitTest?: string;
  readonly quiet?: boolean;
  readonly attack?: string;
  readonly set: readonly string[];
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
      "attack.epsilon": "largest change of a pixel, with pixels in [0, 1] (default: 4/255)",
      "attack.stepSize": "step size (default: epsilon / 4)",
      "attack.steps": "number of steps (default: 100 for apgd and fab, else 10)",
    }[one.path] ?? one.description,
}));
const ATTACK_MACHINE_FLAGS = MACHINE_FLAGS.filter(({ path }) => path !== "data.workers");

/** `advprop attack MODEL PHOTO --to picture.png`draws an attack; with `--data` it writes an adversarial copy of a data set. */
export function define(command: Command): void {
  command
    .argument("<model>", "a run folder, or weights: see docs/weights.md")
    .argument("[photo]", "the photo to attack; for a whole data set give --data instead")
    .requiredOption("--to <path>", "the picture to write, a .png file; with --data the folder of the copy")
    .option("--data <path>", "attack every image of this data set and write a copy of it")
    .option("--split <name>", "with --data: test or validation (default: test; all images if the folder has no splits)")
    .option("--limit-test <count>", "with --data: use only this many images");
  command.option(
    "--attack <name>",
    `${[...new Set([...EVALUATION_ATTACKS, ...TRAINING_ATTACKS])].join(", ")}, or one of --parts (default: pgd)`,
  );
  addFlags(command, STRENGTH_FLAGS);
  command
    .addOption(attackSetOption())
    .option("--target <class>", "class that the attack aims at (default: any class but the photo's own)")
    .option("--route <name>", "batch norms to attack through (default: main); the picture shows all routes")
    .option(
      "--checkpoint <which>",
      "checkpoint of the run: last, best or the step of a kept one (default: best if there is one, else last)",
    )
    .option("--seed <number>", "seed of the random start", "0");
  addFlags(command, ATTACK_MACHINE_FLAGS);
  command
    .option("--threads <count>", "threads per operator; 0 uses all cores", "0")
    .option("--json", "print one JSON object")
    .option("--quiet", "hide the progress")
    .action(attack);
}

async function attack(model: string, photo: string | undefined, options: AttackOptions): Promise<void> {
  const { to, data, split, limitTest, attack: name, target, route, checkpoint, seed, threads, json = false } = options;
  if ((photo === undefined) === (data === undefined)) {
    const got = photo === undefined ? "neither" : "both";
    throw new UsageError("ERR_FLAG", `attack: give a photo, or a data set with --data; got ${got}`);
  }
  const settings = Object.entries(attackSettings(options.set));
  const isStrength = ([key]: readonly [string, unknown]) => STRENGTH_FLAGS.some(({ path }) => path === `attack.${key}`);
  const strength = settings.filter(isStrength).map(([key, value]) => ({ path: `attack.${key}`, value }));
  const changes = [...changesOf(STRENGTH_FLAGS, options), ...strength, ...changesOf(ATTACK_MACHINE_FLAGS, options)];
  const parameters = Object.fromEntries(settings.filter((one) => !isStrength(one)));
  const own = {
    attack: name,
    // Their values are checked where the attack is planned.
    parameters: parameters as Readonly<Record<string, number | boolean>>,
    target,
    route,
    checkpoint,
    seed: wholeNumber("attack", "--seed", seed, 0),
    threads: wholeNumber("attack", "--threads", threads, 0),
  };
  const { runAttack, runAttackSet } = await import("../run-attack.js");
  if (photo === undefined) {
    if (split !== undefined && split !== "test" && split !== "validation") {
      throw new UsageError("ERR_SPLIT", `attack: --split must be test or validation; got ${split}`);
    }
    const limit = limitTest === undefined ? undefined : wholeNumber("attack", "--limit-test", limitTest, 1);
    const set = { ...own, data: data ?? "", to, split, limitTest: limit } as const;
    return runAttackSet({ model, json, quiet: options.quiet === true, changes, options: set });
  }
  for (const [flag, value] of Object.entries({ "--split": split, "--limit-test": limitTest })) {
    if (value !== undefined)
      throw new UsageError("ERR_FLAG", `attack: ${flag} is only for a data set. Leave it out, or give --data`);
  }
  await runAttack({ model, photo, to, json, quiet: options.quiet === true, changes, options: own });
}
