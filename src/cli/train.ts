import type { Command } from "commander";
import { UsageError } from "../errors.js";
import { ATTACK_FLAGS, addFlags, settingsOf, TRAINING_FLAGS } from "./flags.js";

interface TrainOptions extends Readonly<Record<string, unknown>> {
  readonly run?: string;
  readonly resume?: boolean;
  readonly set: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const FLAGS = [...TRAINING_FLAGS, ...ATTACK_FLAGS];

/** `advprop train [RECIPE] --data PATH ...`: trains, and says at the end how to evaluate. */
export function define(command: Command): void {
  command.argument("[recipe]", "a recipe's name (advprop recipes) or file; flags override it");
  addFlags(command, FLAGS);
  command
    .option("--run <dir>", "folder of the run (default: runs/METHOD-MODEL-TIME)")
    .option("--resume", "continue the run in --run with its own recipe; --lr and --epochs may change")
    .option(
      "--set <path=value>",
      "set any value of the recipe; may be repeated",
      (value, all: string[]) => [...all, value],
      [],
    )
    .option("--json", "print one JSON object at the end")
    .option("--quiet", "no progress")
    .action(train);
}

async function train(recipeName: string | undefined, options: TrainOptions): Promise<void> {
  const { json, quiet } = options;
  const { runTraining } = await import("./run-training.js");
  const { RunDirectory, defaultRunPath } = await import("../runs/run-directory.js");
  if (options.resume) {
    if (options.run === undefined || recipeName !== undefined) {
      throw new UsageError(
        "ERR_RESUME",
        "train: --resume continues the run in --run DIR with the recipe saved there; " +
          (options.run === undefined ? "--run is missing." : `leave out ${recipeName}.`),
      );
    }
    const { parseSavedRecipe } = await import("../recipes/saved.js");
    const { changedRecipe } = await import("./resume-changes.js");
    const run = RunDirectory.resume(options.run);
    const saved = parseSavedRecipe(run.recipeText(), run.recipe);
    const { recipe, changes } = changedRecipe(saved, [...settingsOf(FLAGS, options), ...options.set]);
    return runTraining({ recipe, changes, runPath: options.run, run: () => run, resume: true, json, quiet });
  }
  const { applySettings, resolveRecipe } = await import("../recipes/resolve.js");
  const { loadRecipe } = await import("../recipes/library.js");
  const { needsPhotoRecipe, PHOTO_RECIPE } = await import("../recipes/photos.js");
  const { openStart } = await import("./opening-weights.js");
  const settings = [...settingsOf(FLAGS, options), ...options.set];
  const byDefault = recipeName === undefined && needsPhotoRecipe(applySettings({}, settings));
  const named = byDefault ? PHOTO_RECIPE : recipeName;
  const written = named === undefined ? {} : loadRecipe(named);
  const asked = applySettings(written, settings);
  // The network of a recipe that nobody named does not stand against that of the weights.
  const { model: _, ...withoutModel } = asked;
  const { recipe: complete, source } = await openStart(
    byDefault && asked.finetune?.weights ? withoutModel : asked,
    quiet === true,
  );
  const recipe = resolveRecipe(complete);
  if (byDefault && !quiet) {
    const { model, data } = recipe;
    process.stderr.write(
      `Photos, and neither a recipe nor a model: taking the recipe ${PHOTO_RECIPE}, ${model} at ${data.imageSize} pixels. ` +
        "Another one: --model NAME, or a recipe (advprop recipes)\n",
    );
  }
  if (options.maxBad !== undefined) {
    const { checkMaxBad } = await import("./bad-image-settings.js");
    checkMaxBad(recipe.data.onBadImage);
  }
  const path = options.run ?? defaultRunPath(recipe.method, recipe.model, new Date());
  // Refused now, made only when the data and the model are known to be good.
  RunDirectory.checkFree(path);
  const { batchSize } = written.training ?? {};
  return runTraining({
    recipe,
    referenceSize: typeof batchSize === "number" ? batchSize : undefined,
    runPath: path,
    run: () => RunDirectory.create(path),
    source,
    resume: false,
    json,
    quiet,
  });
}
