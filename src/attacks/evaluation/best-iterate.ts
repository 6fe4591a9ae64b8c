/** Returns the best of an attack's iterates rather than the last. */
import { crossEntropy } from "../../nn/loss.js";
import { fromArray, scope, type Tensor } from "../../tensor/index.js";
import { clone, copy_, detach, where } from "../../tensor/operators.js";
import type { Attack } from "../attack.js";
import { wrong } from "./objective.js";

/**
 * For each image the best iterate of an untargeted attack: a misclassified one if there is any, and among those the one of the largest
 * cross-entropy. The iterates are the images that the attack passes to the network, and its result, which needs one more forward pass.
 * The attack itself is not changed.
 */
export function bestIterate(attack: Attack): Attack {
  return {
    perturb(logits, images, labels, keys) {
      return scope(() => {
        const best = clone(images);
        const scores = new Float64Array(images.shape[0]).fill(Number.NEGATIVE_INFINITY);
        const watched = (x: Tensor): Tensor => {
          const output = logits(x);
          scope(() => {
            const point = detach(output);
            const fooled = wrong(point, labels);
            const losses = crossEntropy(point, labels, 0, "none").toNumbers();
            const better = losses.map((loss, i) => {
              // The losses are mapped to values below 1 in the same order, so that a misclassification counts for more than any loss.
              const score = loss / (1 + loss) + (fooled[i] ? 1 : 0);
              if (!(score > scores[i])) return 0;
              scores[i] = score;
              return 1;
            });
            copy_(best, where(fromArray(better, [better.length, 1, 1, 1], "bool", x.device), detach(x), best));
          });
          return output;
        };
        const last = attack.perturb(watched, images, labels, keys);
        scope(() => watched(last));
        return best;
      });
    },
  };
}
