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

/** `advprop train [RECIPE] --data PATH ...`: trains, and says at the end how to evaluate. */
export function define(command: Command): void {
  command.argument("[recipe]", "a recipe's name (advprop recipes) or file; flags override it");
  addFlags(command, FLAGS);
  command
    .option("--run <dir>", "folder of the run (default: runs/METHOD-MODEL-TIME)")
    .option("--resume", "continue the run in --run with its own recipe; --lr and --epochs may change")
    .addOption(setOption())
    .option("--tensorboard", "write the curves and pictures as event files of TensorBoard, too")
    .option("--json", "print one JSON object at the end")
    .option("--quiet", "no progress; warnings alone")
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
  const { needsPhotoRecipe, PHOTO_RECIPE } = await import("../../recipes/build/photos.js");
  const byDefault = recipeName === undefined && needsPhotoRecipe(changeRecipe({}, changes));
  const named = byDefault ? PHOTO_RECIPE : recipeName;
  const written = named === undefined ? {} : loadRecipe(named);
  const asked = changeRecipe(written, changes);
  const { model, ...withoutModel } = asked;
  const fromWeights = asked.finetune?.weights != null;
  // The photos' recipe is for any network, so that its own does not stand against that of the weights.
  const ofWeights = named === PHOTO_RECIPE && fromWeights && changeRecipe({}, changes).model === undefined;
  const recipe = ofWeights ? withoutModel : asked;
  if (named === PHOTO_RECIPE) {
    const { SMALL_WEIGHTS } = await import("../../weights/published.js");
    const network = ofWeights ? "the network of the weights" : model;
    process.stderr.write(
      (byDefault ? "Photos, and neither a recipe nor a model: taking the recipe" : "The recipe") +
        ` ${PHOTO_RECIPE}, ${network} at ${asked.data?.imageSize} pixels${
          fromWeights
            ? "."
            : ", from random weights. Of a few thousand photos " +
              `a network learns much more from published ones: add --weights ${SMALL_WEIGHTS} (list: advprop models --published).`
        }` +
        (byDefault ? " Another one: --model NAME, or a recipe (advprop recipes)\n" : "\n"),
    );
  }
  if (options.maxBad !== undefined) {
    const { checkMaxBad } = await import("../../data/photos/bad-photos.js");
    checkMaxBad(recipe.data?.onBadImage ?? "fail");
  }
  const { batchSize } = written.training ?? {};
  return runTraining(recipe, options, { referenceSize: typeof batchSize === "number" ? batchSize : undefined });
}

/** Trains, shows what happens, and sets the exit code: 0 done or out of its time budget, 1 stopped by a signal. */
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
  // Rank 0 speaks for all.
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
