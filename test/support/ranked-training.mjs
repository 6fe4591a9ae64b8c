import { trainingLoader } from "../../dist/data/loading/loader.js";
import { ProcessGroup } from "../../dist/distributed/process-group.js";
import { RankedUpdate } from "../../dist/distributed/ranked-update.js";
import { ReducedGradients } from "../../dist/distributed/reduced-gradients.js";
import { withContext } from "../../dist/models/staged-network.js";
import { Sgd } from "../../dist/optim/sgd.js";
import { GradientStore, setThreads } from "../../dist/tensor/index.js";

/**
 * The parts of a training by the ranks that the environment names, or by this process alone: one thread, SGD, each rank its part of
 * every mini-batch.
 *
 * @param synchronized whether batch norms see the mini-batch of all ranks
 */
export function rankedTraining({ model, dataset, batchSize, seed, crop, synchronized }) {
  setThreads(1);
  const group = ProcessGroup.joinFromEnvironment();
  const leaves = model.parameters.map(({ value }) => value);
  const gradients = group ? new ReducedGradients(leaves, true) : new GradientStore(leaves);
  const optimizer = new Sgd(Array.from(model.network.namedParameters()), {
    momentum: 0.9,
    nesterov: true,
    weightDecay: 5e-4,
    decays: () => true,
  });
  const part = group && { index: group.rank, count: group.size };
  const loader = trainingLoader(dataset, { batchSize, seed, augmentation: { crop, flip: true }, part });
  const statistics = new Map([...model.network.state()].filter(([key]) => /running_(mean|var)$/.test(key)));
  const averaged = synchronized ? [] : [...statistics.values()];
  const ranks = group && new RankedUpdate(group, gradients, averaged, batchSize / group.size);
  const forward = withContext(model, { synchronized: group !== undefined && synchronized });
  return { group, gradients, optimizer, loader, statistics, ranks, forward };
}
