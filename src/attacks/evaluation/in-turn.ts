/** Runs attacks one after the other, each on the images that the earlier ones did not break. */
import { UsageError } from "../../errors.js";
import { keysAt } from "../../nn/keys.js";
import { fromArray, scope } from "../../tensor/index.js";
import { channelsLast, clone, rowsAt, setRowsAt_ } from "../../tensor/operators.js";
import type { Attack } from "../attack.js";
import { misclassified } from "./objective.js";

/**
 * Tries attacks one after the other, each on the images that are still classified correctly. One forward pass after each attack finds
 * these images. Attack number i draws with the key's epoch plus i, so that equal attacks are restarts.
 *
 * @returns for each image the first adversarial example that is misclassified, else the result of the last attack
 */
export function inTurn(attacks: readonly Attack[]): Attack {
  return {
    perturb(logits, images, labels, keys) {
      return scope(() => {
        const result = channelsLast(clone(images));
        let left = Array.from({ length: images.shape[0] }, (_, i) => i);
        for (const [i, attack] of attacks.entries()) {
          if (left.length === 0) break;
          left = scope(() => {
            const rows = fromArray(left, [left.length], "int64", images.device);
            const [x, y] = [channelsLast(rowsAt(images, rows)), rowsAt(labels, rows)];
            const own = { ...keysAt(keys, left, rows), epoch: keys.epoch + i };
            const adversarial = attack.perturb(logits, x, y, own);
            setRowsAt_(result, rows, adversarial);
            const fooled = misclassified(logits, adversarial, y);
            return left.filter((_, j) => !fooled[j]);
          });
        }
        return result;
      });
    },
  };
}

/**
 * Repeats an attack from other random starts on the images that it did not break.
 *
 * @throws ERR_RESTARTS the number of runs is not a positive integer
 */
export function restarted(attack: Attack, runs: number): Attack {
  if (!Number.isInteger(runs) || runs < 1) {
    throw new UsageError("ERR_RESTARTS", `restarted: runs must be a positive integer; got ${runs}`);
  }
  return inTurn(new Array<Attack>(runs).fill(attack));
}
