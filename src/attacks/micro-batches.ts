/** Attacks on a few images at a time. */
import { keysOfRows } from "../nn/keys.js";
import { engineInfo, scope } from "../tensor/index.js";
import { concat, rows } from "../tensor/operators.js";
import type { Attack } from "./attack.js";

/**
 * Pixels of the images that are attacked together: enough that calls of operators cost little, few enough that the attack's
 * graph stays small beside that of a training pass. There are as many images as threads at least, since a thread may take a
 * whole image. A GPU, which one image does not fill and whose caches hold none, takes the batch as a whole.
 */
const PIXELS_TOGETHER = 16 * 224 * 224;

/**
 * The same attack, on parts of the batch one after another, all of about the same size. It finds what the attack on the
 * whole batch finds as long as no image's logits depend on the other images: through running statistics, that is, and
 * without draws that the logits function keys by the batch.
 *
 * @param together images in a part; unless given, those of 16 images of 224 px, and at least one a thread; all of them on a GPU
 */
export function inMicroBatches(attack: Attack, together?: number): Attack {
  return {
    perturb(logits, images, labels, keys) {
      const [count, , height, width] = images.shape;
      const most = together ?? Math.max(engineInfo().threads, Math.floor(PIXELS_TOGETHER / (height * width)));
      if (count <= most || (together === undefined && images.device !== "cpu"))
        return attack.perturb(logits, images, labels, keys);
      const parts = Math.ceil(count / most);
      return scope(() =>
        concat(
          Array.from({ length: parts }, (_, i) => {
            const [start, end] = [Math.round((i * count) / parts), Math.round(((i + 1) * count) / parts)];
            const part = keysOfRows(keys, start, end);
            return attack.perturb(logits, rows(images, start, end), rows(labels, start, end), part);
          }),
        ),
      );
    },
  };
}
