/** Modules one after another. */
import type { Tensor } from "../tensor/index.js";
import type { ForwardContext } from "./context.js";
import { Module } from "./module.js";
import { forwardRecomputed } from "./recompute.js";

/**
 * Each module takes what the one before gives. Where the context says to recompute blocks, the inputs of the modules are all
 * that is kept for the gradient, so they should be of the size of a residual block.
 */
export class Sequence extends Module {
  readonly #modules: readonly Module[];

  /** @param nameOf the name of the child in each position; by default the position */
  constructor(modules: readonly Module[], nameOf: (position: number) => string = String) {
    super();
    this.#modules = modules.map((module, i) => this.child(nameOf(i), module));
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    let y = x;
    for (const module of this.#modules) {
      const next = context.recompute === "blocks" ? forwardRecomputed(module, y, context) : module.forward(y, context);
      // Freed at once: without a graph, only two of these tensors ever live.
      if (y !== x && y !== next) y.dispose();
      y = next;
    }
    return y;
  }
}
