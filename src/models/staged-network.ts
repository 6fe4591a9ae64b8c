/** Networks in stages, which fine-tuning can freeze. */
import type { ForwardContext } from "../nn/context.js";
import { Module } from "../nn/module.js";
import type { Tensor } from "../tensor/index.js";

/** A network whose parts are the stem and then the stages in order. Each part runs with {@link contextOfStage}. */
export abstract class StagedNetwork extends Module {
  /** Number of stages, including the stem. */
  abstract readonly stages: number;

  /** The stage of a parameter by its name: 0 for the stem, and Infinity for layers after all stages. */
  abstract stageOf(name: string): number;
}

/** Whether a tensor belongs to the layer that maps features to classes, by its name in each family. */
export const isHead = (name: string): boolean => /^(?:fc|classifier)\./.test(name);

/** Computes logits [N, K] from images [N, 3, H, W]. */
export interface Forward {
  forward(images: Tensor, context: ForwardContext): Tensor;
}

/** The same model with these values in the context of every pass. */
export const withContext = (
  model: Forward,
  always: Pick<ForwardContext, "frozenStages" | "synchronized">,
): Forward => ({ forward: (images, context) => model.forward(images, { ...context, ...always }) });
