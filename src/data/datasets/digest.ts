/** A digest that identifies images in memory. */
import { createHash } from "node:crypto";
import type { Dataset } from "./dataset.js";

/** SHA-256, in hexadecimal, over every pixel, label and identity of some sets. A missing set counts as missing. */
export function digestOf(sets: readonly (Dataset | undefined)[]): string {
  const hash = createHash("sha256");
  for (const set of sets) {
    hash.update(JSON.stringify(set === undefined ? null : [set.length, set.height, set.width]));
    if (set === undefined) continue;
    for (const list of [set.labels, set.samples])
      hash.update(new Uint8Array(list.buffer, list.byteOffset, list.byteLength));
    for (let i = 0; i < set.length; i++) hash.update(set.pixels(i));
  }
  return hash.digest("hex");
}
