/** Which parameters learn in fine-tuning, and how fast. */
import { assert, UsageError } from "../errors.js";
import { isHead, StagedNetwork } from "../models/staged-network.js";
import type { Module } from "../nn/module.js";
import type { ParameterGroup } from "../optim/grouped.js";

export interface Finetuning {
  /** Learning rate of everything but the head, as a share of the schedule's. */
  readonly bodyRate: number;
  /** Stages that do not learn, counted from the input. */
  readonly frozenStages: number;
}

/**
 * The parameters that learn: the body at `bodyRate` of the learning rate, the head at all of it. Frozen stages are in
 * neither.
 *
 * @throws ERR_FINETUNE the network has not so many stages
 */
export function parameterGroups(network: Module, { bodyRate, frozenStages }: Finetuning): ParameterGroup[] {
  assert(network instanceof StagedNetwork, "a network of the registry has stages");
  if (frozenStages > network.stages) {
    throw new UsageError(
      "ERR_FINETUNE",
      `train: finetune.frozenStages must be at most ${network.stages}, the stem and the stages of this network; got ${frozenStages}`,
    );
  }
  const learning = Array.from(network.namedParameters()).filter(([name]) => network.stageOf(name) >= frozenStages);
  if (bodyRate === 1) return [{ parameters: learning, rateFactor: 1 }];
  const body = learning.filter(([name]) => !isHead(name));
  const head = learning.filter(([name]) => isHead(name));
  // A body that does not learn needs no gradients.
  return [...(bodyRate === 0 ? [] : [{ parameters: body, rateFactor: bodyRate }]), { parameters: head, rateFactor: 1 }];
}
