/** What the flags say about photos that cannot be read. */
import type { BadImagePolicy } from "../data/bad-photos.js";
import { UsageError } from "../errors.js";
import { applySettings, resolveRecipe } from "../recipes/resolve.js";

/** The policy of settings `data.onBadImage=...` and `data.maxBad=...`: what they leave out is undefined. */
export function badImagesOf(settings: readonly string[]): BadImagePolicy {
  const { onBadImage, maxBad } = resolveRecipe(applySettings({}, settings)).data;
  const isGiven = (key: string) => settings.some((setting) => setting.startsWith(`data.${key}=`));
  return {
    ...(isGiven("onBadImage") && { onBadImage }),
    ...(isGiven("maxBad") && { maxBad }),
  };
}

/** @throws UsageError ERR_FLAG where --max-bad is given and nothing is skipped */
export function checkMaxBad(onBadImage: "fail" | "skip"): void {
  if (onBadImage === "skip") return;
  throw new UsageError("ERR_FLAG", "--max-bad counts photos that are skipped, and none are. Add --on-bad-image skip");
}
