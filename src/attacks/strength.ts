/** How strong an attack is to be, by the paper: Xie et al. 2020, https://arxiv.org/abs/1911.09665. */

/**
 * Attack steps by the rule of the paper: epsilon in units of 1/255, rounded, plus one; a single step where
 * epsilon is at most 1/255. It goes with steps of 1/255.
 */
export function attackSteps(epsilon: number): number {
  return epsilon <= 1 / 255 ? 1 : Math.round(epsilon * 255) + 1;
}

/**
 * How far an attack's result may lie from its image: epsilon, and of GD, which is not projected, epsilon for the start and
 * for each step its size, with what rounding to float32 may add to a pixel in [0, 1].
 */
export function attackReach(
  attack: { readonly name: string; readonly epsilon: number } & Partial<Record<"stepSize" | "steps", number>>,
): number {
  const { name, epsilon, stepSize = 0, steps = 0 } = attack;
  return name === "gd" ? epsilon + steps * (stepSize + 2 ** -24) : epsilon;
}

/** The largest EfficientNet whose epsilon the paper gives, and that epsilon in units of 1/255. */
const LARGEST = { size: 7, epsilon: 4 };

/**
 * The radius by the network's size: small networks do better with weak attackers, large ones with strong ones.
 *
 * The paper's are 1/255 for EfficientNet-B0 and 4/255 for B7. Ours are those between, on the straight line from one to
 * the other, rounded to whole 255ths (1 1 2 2 3 3 4 4 for B0 .. B7), and B8, which has B7's. The ImageNet ResNets have
 * the 1/255 of the training code that the paper's authors guided, tingxueronghua/pytorch-classification-advprop.
 *
 * @param model a name of the registry
 * @returns     in pixels of [0, 1]; undefined for a network that nothing is published on
 */
export function paperEpsilon(model: string): number | undefined {
  if (isPublishedResNet(model)) return 1 / 255;
  const size = efficientNetSize(model);
  if (size === undefined) return undefined;
  const share = Math.min(size, LARGEST.size) / LARGEST.size;
  return Math.round(1 + (LARGEST.epsilon - 1) * share) / 255;
}

/** The radius of training in the L-infinity norm unless it is given: {@link paperEpsilon}, and 1/255 for every other network. */
export const defaultEpsilon = (model: string): number => paperEpsilon(model) ?? 1 / 255;

/** Where {@link defaultEpsilon} has a network's radius from, in words. */
export function epsilonSource(model: string): string {
  if (isPublishedResNet(model)) return "of the re-implementation that the paper's authors guided";
  const size = efficientNetSize(model);
  if (size === undefined) return "the paper's smallest, as nothing is published on this network";
  if (size === 0 || size === LARGEST.size) return "the paper's";
  return "an interpolation of the paper's two endpoints, 1/255 for B0 and 4/255 for B7";
}

const isPublishedResNet = (model: string): boolean => /^resnet(50|101|152)$/.test(model);

/** The N of efficientnet-bN. */
function efficientNetSize(model: string): number | undefined {
  const size = /^efficientnet-b([0-8])$/.exec(model)?.[1];
  return size === undefined ? undefined : Number(size);
}
