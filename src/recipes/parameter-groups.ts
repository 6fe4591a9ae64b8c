/** Which parameters learn in fine-tuning, and how fast. */
import { isHead } from "../models/transfer.js";
import type { Module } from "../nn/module.js";
import type { ParameterGroup } from "../optim/grouped.js";

export interface Finetuning {
  /** Learning rate of everything but the head, as a share of the schedule's. */
  readonly bodyRate: number;
  /** Stages that do not learn, counted from the input. */
  readonly frozenStages: number;
}

/**
 * The stage that a parameter belongs to, by its name: 0 for the stem, then the stages in order; the last convolution of
 * an EfficientNet counts to its last stage, and the head to none.
 */
export function stageOf(name: string): number {
  if (isHead(name)) return Number.POSITIVE_INFINITY;
  const numbered = /^(?:layer|block)(\d+)\./.exec(name);
  if (numbered !== null) return Number(numbered[1]);
  const block = /^blocks\.(\d+)\./.exec(name);
  if (block !== null) return Number(block[1]) + 1;
  return /^(?:conv_head|bn2)\./.test(name) ? 7 : 0;
}

/**
 * The parameters that learn: the body at `bodyRate` of the learning rate, the head at all of it. Frozen stages are in
 * neither; their running statistics still follow the images.
 */
export function parameterGroups(network: Module, { bodyRate, frozenStages }: Finetuning): ParameterGroup[] {
  const learning = Array.from(network.namedParameters()).filter(([name]) => stageOf(name) >= frozenStages);
  if (bodyRate === 1) return [{ parameters: learning, rateFactor: 1 }];
  const body = learning.filter(([name]) => !isHead(name));
  const head = learning.filter(([name]) => isHead(name));
  // A body that does not learn needs no gradients.
  return [...(bodyRate === 0 ? [] : [{ parameters: body, rateFactor: bodyRate }]), { parameters: head, rateFactor: 1 }];
}
