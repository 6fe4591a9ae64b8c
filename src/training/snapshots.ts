/** Pictures of a run: the same images after each epoch, their perturbations and their adversarial versions. */
import { join } from "node:path";
import type { Attack } from "../attacks/attack.js";
import type { PixelBatch } from "../data/loader.js";
import { gridPng } from "../images/grid.js";
import type { Classifier } from "../models/classifier.js";
import { ATTACK } from "../nn/context.js";
import { writeFileAtomic } from "../runs/atomic-file.js";
import { scope, type Tensor } from "../tensor/index.js";
import { add, cast, clamp, mul, permute, sub } from "../tensor/operators.js";
import { batchFromPixels } from "./step.js";

/** Images to attack, and how. */
export interface AttackedImages {
  readonly model: Classifier;
  readonly attack: Attack;
  readonly route: string;
  /** The change of a pixel that is shown as black or white. */
  readonly fullRange: number;
  readonly seed: number;
  /** The images to attack, not augmented. */
  readonly pixels: PixelBatch;
}

/**
 * The images, their perturbations and their adversarial versions, each N arrays of uint8 HWC. Of a perturbation grey is
 * none, and `fullRange` fills the scale.
 */
export function attackImages({ model, attack, route, fullRange, seed, pixels }: AttackedImages): Uint8Array[][] {
  return scope(() => {
    const { images, labels, keys } = batchFromPixels(pixels, { seed, epoch: 0 }, model.device);
    const logits = (x: Tensor) => model.forward(x, { ...ATTACK, route });
    const adversarial = attack.perturb(logits, images, labels, keys);
    const magnified = add(mul(sub(adversarial, images), 0.5 / fullRange), 0.5);
    return [images, magnified, adversarial].map((batch) => toBytes(batch, pixels.height));
  });
}

/**
 * Writes `epoch-0001.png` and so on into the run's folder of images: {@link attackImages}, a row each.
 *
 * @returns the name of the file
 */
export async function writeSnapshot(images: AttackedImages, folder: string, epoch: number): Promise<string> {
  const side = images.pixels.height;
  const name = `epoch-${String(epoch + 1).padStart(4, "0")}.png`;
  writeFileAtomic(join(folder, name), await gridPng(attackImages(images), side, side <= 64 ? 3 : 1));
  return name;
}

/** [N, 3, H, W] in [0, 1] to N arrays of uint8 HWC. */
function toBytes(images: Tensor, side: number): Uint8Array[] {
  const bytes = cast(permute(add(mul(clamp(images, 0, 1), 255), 0.5), [0, 2, 3, 1]), "uint8").toArray() as Uint8Array;
  const size = side * side * 3;
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}
