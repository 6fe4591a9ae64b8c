/** Runs an attack on a few images at a time. */
import { keysOfRows } from "../nn/keys.js";
import { engineInfo, scope } from "../tensor/index.js";
import { concat, rows } from "../tensor/operators.js";
import type { Attack } from "./attack.js";

/**
 * Number of pixels that are attacked together. It is large enough that the overhead of operator calls is small, and small enough that
 * the attack's graph is small compared with that of a training pass. There are at least as many images as threads, because a thread may
 * process a whole image. A GPU gets the whole batch, because it needs many images to be busy.
 */
const PIXELS_TOGETHER = 16 * 224 * 224;

/**
 * The same attack on parts of the batch of about equal size, one after the other. The result is that of the whole batch if no image's
 * logits depend on the other images: the batch norms use running statistics, and the logits function draws nothing by batch.
 *
 * @param together number of images in a part; by default as many as have the pixels of 16 images of 224 px, but at least one per
 *   thread; on a GPU all images
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
