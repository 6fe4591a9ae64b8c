/** The strength of attacks, as in the paper: Xie et al. 2020, https://arxiv.org/abs/1911.09665. */

/**
 * Number of attack steps by the rule of the paper, for a step size of 1/255: epsilon in units of 1/255, rounded, plus one; but a single
 * step if epsilon is at most 1/255.
 */
export function attackSteps(epsilon: number): number {
  return epsilon <= 1 / 255 ? 1 : Math.round(epsilon * 255) + 1;
}

/**
 * The largest possible distance of an attack's result from its image: epsilon. GD is not projected, so its steps add their sizes. The
 * value includes the rounding error of float32 for a pixel in [0, 1].
 */
export function attackReach(
  attack: { readonly name: string; readonly epsilon: number } & Partial<Record<"stepSize" | "steps", number>>,
): number {
  const { name, epsilon, stepSize = 0, steps = 0 } = attack;
  return name === "gd" ? epsilon + steps * (stepSize + 2 ** -24) : epsilon;
}

/** The largest EfficientNet for which the paper gives an epsilon, with that epsilon in units of 1/255. */
const LARGEST = { size: 7, epsilon: 4 };

/**
 * The radius by the size of the network: small networks profit from weak attacks, large ones from strong attacks.
 *
 * The paper gives 1/255 for EfficientNet-B0 and 4/255 for B7. The values between are our linear interpolation, rounded to multiples of
 * 1/255 (1 1 2 2 3 3 4 4 for B0 .. B7). B8 has the value of B7. The ImageNet ResNets have 1/255, as in the training code that was
 * written under the guidance of the paper's authors, tingxueronghua/pytorch-classification-advprop.
 *
 * @param model a name of the registry
 * @returns     with pixels in [0, 1]; undefined for a network without a published value
 */
export function paperEpsilon(model: string): number | undefined {
  if (isPublishedResNet(model)) return 1 / 255;
  const size = efficientNetSize(model);
  if (size === undefined) return undefined;
  const share = Math.min(size, LARGEST.size) / LARGEST.size;
  return Math.round(1 + (LARGEST.epsilon - 1) * share) / 255;
}

/** The default radius of training in the L-infinity norm: {@link paperEpsilon}, or 1/255 for a network without one. */
export const defaultEpsilon = (model: string): number => paperEpsilon(model) ?? 1 / 255;

/** The source of {@link defaultEpsilon} for a network, as text. */
export function epsilonSource(model: string): string {
  if (isPublishedResNet(model))
    return "the value of the re-implementation written under the guidance of the paper's authors";
  const size = efficientNetSize(model);
  if (size === undefined) return "the paper's smallest value, because none is published for this network";
  if (size === 0 || size === LARGEST.size) return "the paper's value";
  return "interpolated between the paper's values, 1/255 for B0 and 4/255 for B7";
}

const isPublishedResNet = (model: string): boolean => /^resnet(50|101|152)$/.test(model);

/** The N of efficientnet-bN. */
function efficientNetSize(model: string): number | undefined {
  const size = /^efficientnet-b([0-8])$/.exec(model)?.[1];
  return size === undefined ? undefined : Number(size);
}
