/** A module that keeps only its input for the gradient. */
import { recompute, type Tensor } from "../tensor/index.js";
import type { ForwardContext } from "./context.js";
import type { Module } from "./module.js";

/**
 * module.forward(x, context), computed a second time when the gradient is asked for. Keyed draws and the batch's
 * statistics are the same both times; running statistics are updated the first time alone.
 */
export function forwardRecomputed(module: Module, x: Tensor, context: ForwardContext): Tensor {
  const leaves = context.trainable ? module.parameters.map(({ value }) => value) : [];
  const first = { ...context, trainable: false };
  const second = { ...context, update: false };
  return recompute((input, again) => module.forward(input, again ? second : first), x, leaves);
}
