/** How an image of a batch comes about. */

/**
 * `plain`: as it is evaluated, a photo's middle or a whole image; `weak`: cropped at random and mirrored; `strong`: all that the
 * augmentation says, after crop and mirroring a policy too.
 */
export const VIEW_SOURCES = ["plain", "weak", "strong"] as const;
export type ViewSource = (typeof VIEW_SOURCES)[number];

/** The view of training unless a method asks for others. */
export const ONE_VIEW: readonly ViewSource[] = ["strong"];
