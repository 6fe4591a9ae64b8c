/** The method vanilla-two-views needs images that differ between two views. */
import { UsageError } from "../../errors.js";
import { isNeutral } from "../../images/augmentation/strong-augmentation.js";
import type { ResolvedRecipe } from "../schema.js";
import { dataKind } from "./data-kind.js";

/**
 * Checks that both views of an image can differ. Photos always get random crops. Mixup, CutMix, dropout and stochastic depth do not count,
 * because both views get the same draws of them.
 *
 * @param what names the caller in messages
 * @throws UsageError ERR_RECIPE the method is vanilla-two-views, and nothing changes the images at random
 */
export function checkTwoViews({ method, data: { path, augmentation } }: ResolvedRecipe, what: string): void {
  if (method !== "vanilla-two-views" || path === null) return;
  const { crop, flip, ...strong } = augmentation;
  if (crop > 0 || flip || !isNeutral(strong) || dataKind(path, what) === "photos") return;
  throw new UsageError(
    "ERR_RECIPE",
    `${what}: the method vanilla-two-views needs random augmentation, and this recipe has none: both views of an image would be the same, ` +
      "as with the method vanilla-doubled. Add `data.augmentation.crop: 4`, `data.augmentation.flip: true` or " +
      "`data.augmentation.autoAugment: cifar10`, or choose vanilla-doubled",
  );
}
