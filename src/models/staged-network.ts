/** Networks whose stages fine-tuning can freeze. */
import type { ForwardContext } from "../nn/context.js";
import { Module } from "../nn/module.js";
import type { Tensor } from "../tensor/index.js";

/** A network in stages: the stem, then the stages in order. Each goes by {@link contextOfStage}. */
export abstract class StagedNetwork extends Module {
  /** How many there are, the stem included. */
  abstract readonly stages: number;

  /** The stage that a parameter belongs to by its name, 0 for the stem; Infinity for what comes after all stages. */
  abstract stageOf(name: string): number;
}

/** Whether a tensor is of the layer that maps features to classes, by its name in each family. */
export const isHead = (name: string): boolean => /^(?:fc|classifier)\./.test(name);

/** What computes logits [N, K] of images [N, 3, H, W]. */
export interface Forward {
  forward(images: Tensor, context: ForwardContext): Tensor;
}

/** The same model, with these values in the context of every pass. */
export const withContext = (
  model: Forward,
  always: Pick<ForwardContext, "frozenStages" | "synchronized">,
): Forward => ({ forward: (images, context) => model.forward(images, { ...context, ...always }) });
