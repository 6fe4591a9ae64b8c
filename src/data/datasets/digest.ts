/** Who images in memory are. */
import { createHash } from "node:crypto";
import type { Dataset } from "./dataset.js";

/** SHA-256, in hexadecimal, of every pixel, label and identity of some sets; of one that is not there its absence. */
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
