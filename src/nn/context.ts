/** The forward context: how a pass goes through the network is an argument of each call, never state set on the model. */
import type { SampleKeys } from "./keys.js";

/** The route of clean images, which evaluation and export use. */
export const MAIN_ROUTE = "main";

/**
 * Parts that keep only their input for the gradient: each block, so that memory falls to that of one block and the blocks'
 * inputs, while a pass with gradient takes about a third longer; or each block of a ResNet's first stage, whose activations are
 * the largest, while the pass takes longer by a third of that stage's share. Other networks have no such stage.
 */
export type Recompute = "blocks" | "first stage";

export interface ForwardContext {
  /** Which batch norms the pass goes through: "main" or the name of an auxiliary route. There is no default. */
  readonly route: string;
  /** Batch norm normalises by the batch's own statistics or by the route's running ones. */
  readonly statistics: "batch" | "running";
  /** Whether the route's running statistics move towards the batch's. Needs batch statistics. */
  readonly update: boolean;
  /** Whether the batch is that of all ranks together, where statistics are the batch's. Every rank must then come to the same passes. */
  readonly synchronized?: boolean;
  /** Whether dropout and stochastic depth are active. They need `keys`. */
  readonly stochastic: boolean;
  /** Whether the graph reaches the parameters. Without, an attack can only ever compute the gradient of its input. */
  readonly trainable: boolean;
  /** What of the network is computed a second time when its gradient is asked for, rather than kept. Results are the same. */
  readonly recompute?: Recompute;
  /** Whether every layer is computed by itself, never a block as one operator: what an export records. */
  readonly byLayers?: boolean;
  /**
   * Stages, counted from the input with the stem as the first, that the pass meets by running statistics, without updating them and
   * without a graph to their parameters, whatever the rest of the context says; none unless given.
   */
  readonly frozenStages?: number;
  /** The keys of the samples' random draws, for stochastic passes. */
  readonly keys?: SampleKeys;
}

/** The context of a stage, 0 for the stem: where it is frozen, as {@link ForwardContext.frozenStages} says. */
export function contextOfStage(context: ForwardContext, stage: number): ForwardContext {
  if ((context.frozenStages ?? 0) <= stage) return context;
  return { ...context, statistics: "running", update: false, trainable: false };
}

/** A training pass: batch statistics, running ones updated, dropout and stochastic depth active. */
export const TRAIN = { statistics: "batch", update: true, stochastic: true, trainable: true } as const;

/**
 * An attack's pass: running statistics, nothing updated, nothing random, no gradient of a parameter. AdvProp's choice as
 * its authors state it ("AdvProp also uses the running statistics during the generation of the adversarial images",
 * Mei et al. 2022, Fast AdvProp, https://arxiv.org/abs/2204.09838).
 */
export const ATTACK = { statistics: "running", update: false, stochastic: false, trainable: false } as const;

/** An evaluation pass: running statistics and no graph. */
export const EVAL = { statistics: "running", update: false, stochastic: false, trainable: false } as const;

/** Whether a pass's batch norms ask the other ranks. */
export const isSynchronized = ({ statistics, synchronized = false }: ForwardContext): boolean =>
  synchronized && statistics === "batch";
