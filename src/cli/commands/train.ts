import type { Command } from "commander";
import type { StartedEvent } from "../../api/events.js";
import { UsageError } from "../../errors.js";
import type { Recipe } from "../../recipes/schema.js";
import { ATTACK_FLAGS, addFlags, changesOf, SYNC_FLAG, TRAINING_FLAGS } from "../flags/flags.js";
import { setOption, settingChanges } from "../flags/settings.js";

interface TrainOptions extends Readonly<Record<string, unknown>> {
  readonly run?: string;
  readonly resume?: boolean;
  readonly set: readonly string[];
  readonly tensorboard?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const FLAGS = [...TRAINING_FLAGS, ...ATTACK_FLAGS, SYNC_FLAG];

/** `advprop train [RECIPE] --data PATH ...`trains, and prints at the end how to evaluate the run. */
export function define(command: Command): void {
  command.argument("[recipe]", "name of a recipe (advprop recipes) or a recipe file; flags override its values");
  addFlags(command, FLAGS);
  command
    .option("--run <dir>", "folder of the run (default: runs/METHOD-MODEL-TIME)")
    .option("--resume", "continue the run in --run with its saved recipe; --data, --lr and --epochs may change")
    .addOption(setOption())
    .option("--tensorboard", "also write the curves and pictures as TensorBoard event files")
    .option("--json", "print one JSON object at the end")
    .option("--quiet", "print only warnings")
    .action(train);
}

async function train(recipeName: string | undefined, options: TrainOptions): Promise<void> {
  const { changeRecipe } = await import("../../recipes/resolve.js");
  const changes = [...changesOf(FLAGS, options), ...settingChanges(options.set)];
  if (options.resume) {
    if (options.run === undefined || recipeName !== undefined) {
      throw new UsageError(
        "ERR_RESUME",
        "train: --resume continues the run in --run DIR with the recipe saved there; " +
          (options.run === undefined ? "--run is missing." : `leave out ${recipeName}.`),
      );
    }
    return runTraining(changeRecipe({}, changes), options, {});
  }
  const { loadRecipe } = await import("../../recipes/library.js");
  const { checkGivenKeys } = await import("../../recipes/build/given-keys.js");
  const { needsPhotoRecipe, PHOTO_RECIPE } = await import("../../recipes/build/photos.js");
  const byDefault = recipeName === undefined && needsPhotoRecipe(changeRecipe({}, changes));
  const named = byDefault ? PHOTO_RECIPE : recipeName;
  const written = named === undefined ? {} : loadRecipe(named);
  const changed = changeRecipe(written, changes);
  checkGivenKeys(changed, changes, "train");
  const { model, ...withoutModel } = changed;
  const fromWeights = changed.finetune?.weights != null;
  // The recipe for photos works with any network, so the network of the weights takes the place of the recipe's own.
  const ofWeights = named === PHOTO_RECIPE && fromWeights && changeRecipe({}, changes).model === undefined;
  const recipe = ofWeights ? withoutModel : changed;
  if (named === PHOTO_RECIPE) {
    const { SMALL_WEIGHTS } = await import("../../weights/published.js");
    const network = ofWeights ? "the network of the weights" : model;
    process.stderr.write(
      (byDefault ? "The data are photos and no recipe or model is given: using the recipe" : "Using the recipe") +
        ` ${PHOTO_RECIPE}, ${network} at ${changed.data?.imageSize} pixels${
          fromWeights
            ? "."
            : ", from random weights. With only a few thousand photos, published weights " +
              `give much better accuracy: add --weights ${SMALL_WEIGHTS} (list: advprop models --published).`
        }` +
        (byDefault ? " To choose another: --model NAME, or a recipe (advprop recipes)\n" : "\n"),
    );
  }
  const { batchSize } = written.training ?? {};
  return runTraining(recipe, options, { referenceSize: typeof batchSize === "number" ? batchSize : undefined });
}

/** Trains, shows the progress, and sets the exit code: 0 if finished or out of its time budget, 1 if stopped by a signal. */
async function runTraining(
  recipe: Recipe,
  { run, resume, tensorboard, json, quiet }: TrainOptions,
  given: { readonly referenceSize?: number },
): Promise<void> {
  const { train } = await import("../../api/training/train.js");
  const { joinRanks, stopWithoutLauncher } = await import("../join-ranks.js");
  const { TrainingReport } = await import("../output/training-report.js");
  const { withResumeAdvice } = await import("../resume-advice.js");
  const { stopOnSignals } = await import("../signals.js");
  const { group, restarted } = joinRanks(run);
  // Only rank 0 prints.
  const follows = group !== undefined && group.rank > 0;
  const report = new TrainingReport(quiet === true || follows);
  const stop = stopOnSignals((line) => report.say(line));
  const unwatch = stopWithoutLauncher(stop.stop);
  let started: StartedEvent | undefined;
  try {
    const result = await train(restarted ? {} : recipe, {
      ...given,
      run,
      resume: resume || restarted,
      tensorboard,
      group,
      signal: stop.signal,
      command: ["advprop", ...process.argv.slice(2)],
      onEvent: (event) => {
        if (event.type === "started") started = event;
        report.show(event);
      },
    });
    group?.leave();
    if (result.reason === "signal") process.exitCode = 1;
    if (json && !follows) console.log(JSON.stringify(result));
  } catch (error) {
    report.end();
    throw started === undefined ? error : withResumeAdvice(error, started.run, started.recipe);
  } finally {
    unwatch();
    stop.dispose();
  }
}
