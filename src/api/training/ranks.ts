/** The exchange between the ranks of a training before its first step. Rank 0 makes all decisions and writes the run. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { SavedSplit } from "../../data/folders/photo-split.js";
import type { OpenedData } from "../../data/opened-data.js";
import { formatUsedPhotos } from "../../data/photos/used-photos.js";
import type { ProcessGroup } from "../../distributed/process-group.js";
import { RunError, UsageError } from "../../errors.js";
import type { EvaluationView } from "../../evaluation/view.js";
import type { ModelSpecification } from "../../models/classifier.js";
import { buildLearner, buildTraining, deviceOf, disposeLearner, settleBatchSize } from "../../recipes/build/build.js";
import { openRecipeData } from "../../recipes/build/data.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { engineInfo, memoryStats, setMemoryLimit, setThreads } from "../../tensor/index.js";
import type { TrainedParts, TrainingState } from "../../training/checkpoint.js";
import { fit } from "../../training/fit.js";
import type { TrainResult } from "../events.js";

/** The decisions of rank 0. */
export interface RankPlan {
  /** The run's folder on rank 0's host. */
  readonly run: string;
  readonly recipe: ResolvedRecipe;
  /** The network's specification. Starting weights are sent separately. */
  readonly specification: ModelSpecification;
  /** How photos are cropped for validation. */
  readonly view: EvaluationView | undefined;
  readonly split: SavedSplit | undefined;
  /** Digest of the images, {@link imagesDigest}. */
  readonly images: string;
}

/** @throws ERR_RECIPE batch norms must be synchronised, but there is only one process */
export function checkSynchronized({ training }: ResolvedRecipe, group: ProcessGroup | undefined): void {
  if (!training.syncBatchNorm || group !== undefined) return;
  throw new UsageError(
    "ERR_RECIPE",
    "train: `training.syncBatchNorm` has no effect with one process, because its batch norms see the whole mini-batch anyway. Leave it out, or start " +
      "several processes, with advprop launch or torchrun",
  );
}

/**
 * Sets threads and memory limit, which hold for the whole process. By default a rank gets its share of the host's cores and memory.
 *
 * @returns a function that sets the same values again, because other calls in this process may change them during the training
 */
export function setMachine({ threads, memoryLimit }: ResolvedRecipe, group: ProcessGroup | undefined): () => void {
  setThreads(threads === 0 && group !== undefined ? group.threads : threads);
  setMemoryLimit(memoryLimit ?? group?.memory);
  const own = { threads: engineInfo().threads, bytes: memoryStats().limitBytes };
  return () => {
    setThreads(own.threads);
    setMemoryLimit(own.bytes);
  };
}

/** The recipe with the rank's share of the host's threads for reading photos. */
export const readingShare = (recipe: ResolvedRecipe, group: ProcessGroup | undefined): ResolvedRecipe =>
  group === undefined || recipe.data.workers !== null
    ? recipe
    : { ...recipe, data: { ...recipe.data, workers: Math.min(4, group.threads) } };

/** SHA-256 of the images: of the pixels for images in memory, of file names and contents for photos. */
export const imagesDigest = ({ digest, photos }: OpenedData): string =>
  digest?.() ??
  createHash("sha256")
    .update(formatUsedPhotos(photos ?? []))
    .digest("hex");

/** Copies the state of rank 0's training to all ranks, including the counters of a resumed training. */
export function shareState(
  group: ProcessGroup,
  { model, optimizer, average }: TrainedParts,
  state: TrainingState | undefined,
): TrainingState | undefined {
  const states = [model.network.state(), average?.twin.state(), optimizer.state()];
  group.broadcast(states.flatMap((tensors) => [...(tensors?.values() ?? [])]));
  return group.share({ state }).state;
}

/**
 * Trains as rank 0 has decided, without writing files.
 *
 * @throws RunError ERR_RANK another rank has ended, or rank 0 failed; ERR_RANK_DATA this host's images differ from rank 0's
 */
export async function followTraining(group: ProcessGroup, signal: AbortSignal | undefined): Promise<TrainResult> {
  const plan = group.share<RankPlan>(undefined);
  deviceOf(plan.recipe, group); // fails before anything is read
  const prepare = setMachine(plan.recipe, group);
  const { split, view, specification } = plan;
  const data = await openRecipeData(readingShare(plan.recipe, group), { parts: ["train", "validation"], split, view });
  try {
    if (imagesDigest(data) !== plan.images) {
      throw new RunError(
        "ERR_RANK_DATA",
        `the images in ${plan.recipe.data.path} differ from those of rank 0 in their files, contents or order. ` +
          "Give all hosts the same copy",
      );
    }
    const learner = await buildLearner(plan.recipe, data, specification, view, undefined, group);
    try {
      const { recipe } = settleBatchSize(plan.recipe, learner, data);
      const training = buildTraining(recipe, learner, data);
      const resume = shareState(group, training, undefined);
      const { status, reason, state } = await fit({
        ...recipe.training,
        ...training,
        seed: recipe.seed,
        resume,
        signal,
        prepare,
      });
      const best = state.best === undefined ? "last" : "best";
      const { name, classes, available: parts, sizes: images } = data;
      return {
        run: plan.run,
        status,
        reason,
        step: state.step,
        weights: join(plan.run, "checkpoints", `${best}.safetensors`),
        ...(state.best && { best: state.best }),
        data: { name, classes, parts, images, leftOut: data.leftOut() },
      };
    } finally {
      disposeLearner(learner);
    }
  } finally {
    await data.close();
  }
}
