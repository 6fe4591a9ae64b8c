/** Writes the files of a new run before its first step, and reads them when it is resumed. */
import { existsSync } from "node:fs";
import type { OpenedData } from "../../data/opened-data.js";
import { formatUsedPhotos } from "../../data/photos/used-photos.js";
import { filesOfParts } from "../../parts.js";
import { stringifyRecipe } from "../../recipes/resolve.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { writeFileAtomic } from "../../runs/atomic-file.js";
import { environment } from "../../runs/environment.js";
import { packageVersion } from "../../runs/package-version.js";
import { runReadme } from "../../runs/readme.js";
import { type RunDirectory, writeJson } from "../../runs/run-directory.js";
import { RUN_SCHEMA } from "../../runs/schema.js";
import type { EventFile } from "../../runs/tensorboard/event-file.js";
import { type Reproducibility, restore, type TrainedParts, type TrainingState } from "../../training/checkpoint.js";
import { readNewestCheckpoint, setAsideDamaged } from "../../training/newest-checkpoint.js";

/** Writes the files of a new run that do not change later, and its run.json. @throws RunError ERR_WRITE */
export function writeNewRun(
  run: RunDirectory,
  recipe: ResolvedRecipe,
  { name, classes, train, validation, sizes, split, photos, digest }: OpenedData,
  reproducibility: Reproducibility,
  command: readonly string[],
): void {
  writeFileAtomic(run.readme, runReadme(packageVersion()));
  writeFileAtomic(run.recipe, stringifyRecipe(recipe));
  writeJson(run.environment, environment(reproducibility));
  if (split !== undefined) writeJson(run.split, split);
  if (photos !== undefined) writeFileAtomic(run.photos, formatUsedPhotos(photos));
  const attack = recipe.attack !== undefined && "name" in recipe.attack ? [recipe.attack.name] : [];
  const parts = filesOfParts([
    { kind: "network", name: recipe.model },
    ...attack.map((name) => ({ kind: "attack", name }) as const),
  ]);
  run.writeInfo({
    schema: RUN_SCHEMA,
    version: packageVersion(),
    command,
    createdAt: new Date().toISOString(),
    resumedAt: [],
    status: "running",
    data: {
      name,
      classes,
      trainingImages: train?.length ?? 0,
      validationImages: validation?.length ?? 0,
      ...(sizes.test !== undefined && { testImages: sizes.test }),
      ...(digest && { digest: digest() }),
    },
    ...(parts.length > 0 && { parts }),
  });
}

/**
 * Restores the newest undamaged checkpoint into the run's parts, and removes the log lines that were written after it. A damaged
 * checkpoint is kept under another name.
 *
 * @returns the counters of the run, undefined if it has no checkpoint yet, and notes for the user
 */
export function resumeState(
  run: RunDirectory,
  parts: TrainedParts,
  now: Reproducibility,
): { readonly state: TrainingState | undefined; readonly note: string; readonly warnings: readonly string[] } {
  const last = run.checkpoint("last");
  const newest = readNewestCheckpoint(last);
  const file = newest?.file;
  if (newest !== undefined) restore(newest.file, newest.path, parts);
  const damaged = newest?.damage && `${newest.damage}. It is kept as ${setAsideDamaged(last)}.`;
  const state = file?.state;
  run.metrics.truncateAfter(state?.step ?? 0);
  run.batchNormDrift.truncateAfter(state?.step ?? 0);
  const before = file?.reproducibility ?? now;
  const ofOne = { ranks: 1 };
  const [was, is] = [
    { ...ofOne, ...before },
    { ...ofOne, ...now },
  ];
  const differences = (["processor", "threads", "torch", "ranks"] as const).filter((key) => was[key] !== is[key]);
  return {
    state,
    note:
      state === undefined ? "No checkpoint yet: starting from the beginning." : `Resuming after step ${state.step}.`,
    warnings: [
      ...(damaged ? [damaged] : []),
      ...differences.map(
        (key) =>
          `Note: ${key} was ${was[key]} and is now ${is[key]}. The run continues, but its results will not be bit-identical to those of an uninterrupted run.`,
      ),
    ],
  };
}

/** The event file of a training, if one is wanted, or if the resumed run has some. */
export async function openEvents(
  run: RunDirectory,
  wanted: boolean,
  state: TrainingState | undefined,
): Promise<EventFile | undefined> {
  if (!wanted && !existsSync(run.tensorboard)) return undefined;
  const { EventFile } = await import("../../runs/tensorboard/event-file.js");
  return new EventFile(run.tensorboard, state?.step ?? 0);
}
