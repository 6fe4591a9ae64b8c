/** How a view of an image is made. */

/**
 * `plain`: as in evaluation, the centre of a photo or a whole image. `weak`: a random crop and flip. `strong`: the whole
 * augmentation, where crop and flip are followed by the policy.
 */
export const VIEW_SOURCES = ["plain", "weak", "strong"] as const;
export type ViewSource = (typeof VIEW_SOURCES)[number];

/** The views of training for methods that do not define others. */
export const ONE_VIEW: readonly ViewSource[] = ["strong"];
