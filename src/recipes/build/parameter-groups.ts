/** Which parameters fine-tuning trains, and at which learning rates. */
import { UsageError } from "../../errors.js";
import { isHead, StagedNetwork } from "../../models/staged-network.js";
import type { Module } from "../../nn/module.js";
import type { ParameterGroup } from "../../optim/grouped.js";
import type { NamedParameter } from "../../optim/optimizer.js";

export interface Finetuning {
  /** Learning rate of the last stage and the layers between it and the head, as a share of the schedule's rate. */
  readonly bodyRate: number;
  /** Learning rate of each stage as a share of the next stage's. */
  readonly layerDecay: number;
  /** Number of stages that are not trained, counted from the input. */
  readonly frozenStages: number;
}

/**
 * The groups of trained parameters. The head has the full learning rate. Stage s of n stages, where the stem is stage 0, has the rate
 * times `bodyRate` layerDecay^(n - 1 - s). Layers between the last stage and the head have the rate of the last stage. Frozen stages
 * are in no group.
 *
 * Source of the decay over layers: Clark et al. 2020, ELECTRA, appendix A, https://arxiv.org/abs/2003.10555
 *
 * @throws ERR_FINETUNE the network has fewer stages than are to be frozen
 */
export function parameterGroups(network: Module, { bodyRate, layerDecay, frozenStages }: Finetuning): ParameterGroup[] {
  // A network of the user may have no stages.
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
    // Frozen parameters need no gradients.
    if (rateFactor === 0) continue;
    const group = groups.get(rateFactor);
    if (group === undefined) groups.set(rateFactor, [parameter]);
    else group.push(parameter);
  }
  return Array.from(groups, ([rateFactor, parameters]) => ({ parameters, rateFactor }));
}
