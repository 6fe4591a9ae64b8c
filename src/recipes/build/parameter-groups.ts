/** Which parameters learn in fine-tuning, and how fast. */
import { UsageError } from "../../errors.js";
import { isHead, StagedNetwork } from "../../models/staged-network.js";
import type { Module } from "../../nn/module.js";
import type { ParameterGroup } from "../../optim/grouped.js";
import type { NamedParameter } from "../../optim/optimizer.js";

export interface Finetuning {
  /** Learning rate of the last stage and of what comes after it but for the head, as a share of the schedule's. */
  readonly bodyRate: number;
  /** Learning rate of each stage as a share of the next one's. */
  readonly layerDecay: number;
  /** Stages that do not learn, counted from the input. */
  readonly frozenStages: number;
}

/**
 * The parameters that learn: the head at all of the learning rate; of n stages, counted from the stem as 0, stage s at
 * `bodyRate` layerDecay^(n - 1 - s) of it, and what comes after all stages as the last one. Frozen stages are in no group.
 *
 * Source of the decay over layers: Clark et al. 2020, ELECTRA, appendix A, https://arxiv.org/abs/2003.10555
 *
 * @throws ERR_FINETUNE the network has not so many stages
 */
export function parameterGroups(network: Module, { bodyRate, layerDecay, frozenStages }: Finetuning): ParameterGroup[] {
  // A network of one's own need not be one of stages.
  const stages = network instanceof StagedNetwork ? network.stages : 0;
  if (frozenStages > stages) {
    throw new UsageError(
      "ERR_FINETUNE",
      `train: finetune.frozenStages must be at most ${stages}, the stem and the stages of this network; got ${frozenStages}`,
    );
  }
  const groups = new Map<number, NamedParameter[]>();
  for (const parameter of network.namedParameters()) {
    const [name] = parameter;
    const stage = network instanceof StagedNetwork ? network.stageOf(name) : 0;
    if (stage < frozenStages) continue;
    const rateFactor = isHead(name) ? 1 : bodyRate * layerDecay ** Math.max(0, stages - 1 - stage);
    // What does not learn needs no gradients.
    if (rateFactor === 0) continue;
    const group = groups.get(rateFactor);
    if (group === undefined) groups.set(rateFactor, [parameter]);
    else group.push(parameter);
  }
  return Array.from(groups, ([rateFactor, parameters]) => ({ parameters, rateFactor }));
}
