/** What the ranks of one training tell each other before its first step: rank 0 decides, writes the run and is followed. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { SavedSplit } from "../../data/folders/photo-split.js";
import type { OpenedData } from "../../data/opened-data.js";
import { formatUsedPhotos } from "../../data/photos/used-photos.js";
import type { ProcessGroup } from "../../distributed/process-group.js";
import { RunError } from "../../errors.js";
import type { EvaluationView } from "../../evaluation/view.js";
import type { ModelSpecification } from "../../models/classifier.js";
import { buildLearner, buildTraining, deviceOf, disposeLearner, settleBatchSize } from "../../recipes/build/build.js";
import { openRecipeData } from "../../recipes/build/data.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { setMemoryLimit, setThreads } from "../../tensor/index.js";
import type { TrainedParts, TrainingState } from "../../training/checkpoint.js";
import { fit } from "../../training/fit.js";
import type { TrainResult } from "../events.js";

/** What rank 0 has decided. */
export interface RankPlan {
  /** The run's folder on rank 0's host. */
  readonly run: string;
  readonly recipe: ResolvedRecipe;
  /** What the network is; where it starts from weights, theirs are sent. */
  readonly specification: ModelSpecification;
  /** How photos are cut for validation. */
  readonly view: EvaluationView | undefined;
  readonly split: SavedSplit | undefined;
  /** Of the images, {@link imagesDigest}. */
  readonly images: string;
}

/** Takes the process's share of its host: of the cores where the recipe leaves threads open, and of the memory. */
export function setMachine({ threads, memoryLimit }: ResolvedRecipe, group: ProcessGroup | undefined): void {
  setThreads(threads === 0 && group !== undefined ? group.threads : threads);
  setMemoryLimit(memoryLimit ?? group?.memory);
}

/** A recipe as a rank opens its data by it: the threads that read photos are its share of the host's. */
export const readingShare = (recipe: ResolvedRecipe, group: ProcessGroup | undefined): ResolvedRecipe =>
  group === undefined || recipe.data.workers !== null
    ? recipe
    : { ...recipe, data: { ...recipe.data, workers: Math.min(4, group.threads) } };

/** SHA-256 of what the images are, in memory by pixels, of photos by file and contents. */
export const imagesDigest = ({ digest, photos }: OpenedData): string =>
  digest?.() ??
  createHash("sha256")
    .update(formatUsedPhotos(photos ?? []))
    .digest("hex");

/** Makes the state of a training rank 0's on all ranks, where it is a training that goes on its counters too. */
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
 * Trains as rank 0 has decided, and writes nothing.
 *
 * @throws RunError ERR_RANK another rank is gone, or rank 0 failed; ERR_RANK_DATA this host's images are others than rank 0's
 */
export async function followTraining(group: ProcessGroup, signal: AbortSignal | undefined): Promise<TrainResult> {
  const plan = group.share<RankPlan>(undefined);
  deviceOf(plan.recipe, group); // refused before anything is read
  setMachine(plan.recipe, group);
  const { split, view, specification } = plan;
  const data = await openRecipeData(readingShare(plan.recipe, group), { parts: ["train", "validation"], split, view });
  try {
    if (imagesDigest(data) !== plan.images) {
      throw new RunError(
        "ERR_RANK_DATA",
        `the images in ${plan.recipe.data.path} are not those that rank 0 has: files, their contents or their order differ. ` +
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
