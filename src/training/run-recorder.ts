/** A listener that writes a training into the folder of its run: logs, drift of the norms, checkpoints. */
import type { Classifier } from "../models/classifier.js";
import type { RunDirectory } from "../runs/run-directory.js";
import type { Losses, MetricsRecord } from "../runs/schema.js";
import type { EventFile } from "../runs/tensorboard/event-file.js";
import { batchNormDrift } from "./batch-norm-drift.js";
import { type Reproducibility, saveCheckpoint, type TrainedParts } from "./checkpoint.js";
import type { FitEvent } from "./events.js";
import { share } from "./pace.js";

export interface RecordedParts extends TrainedParts {
  readonly model: Classifier;
  readonly reproducibility: Reproducibility;
  /** Number of steps between logged steps. */
  readonly logEverySteps: number;
  /** An event file that gets the same records as the logs. */
  readonly events?: Pick<EventFile, "metrics" | "drift"> | undefined;
}

/**
 * Writes the events of a training into the run's folder. Pass it to `fit` as `onEvent`.
 *
 * @throws RunError ERR_WRITE from the listener: a file cannot be written
 */
export function runRecorder(run: RunDirectory, parts: RecordedParts): (event: FitEvent) => void {
  // Sums since the last record, because the mean of the steps' rates is not the rate over these steps.
  let [images, seconds, waitingSeconds] = [0, 0, 0];
  const log = (record: MetricsRecord) => {
    run.metrics.append(record);
    parts.events?.metrics(record);
  };
  return (event) => {
    switch (event.type) {
      case "step": {
        images += event.images;
        seconds += event.seconds;
        waitingSeconds += event.waitingSeconds;
        if (event.step % parts.logEverySteps !== 0) return;
        const { type, step, epoch, learningRate, losses, gradientNorm } = event;
        const speed = { imagesPerSecond: images / seconds, waitingShare: share(waitingSeconds, seconds) };
        [images, seconds, waitingSeconds] = [0, 0, 0];
        return log({ type, step, epoch, learningRate, ...(losses as Losses), gradientNorm, ...speed });
      }
      case "epoch": {
        const { type, step, epoch, meanLosses, ...speed } = event;
        log({ type, step, epoch, ...(meanLosses as Losses), ...speed });
        for (const record of batchNormDrift(parts.model, event)) {
          run.batchNormDrift.append(record);
          parts.events?.drift(record);
        }
        return;
      }
      case "validation": {
        const { best, ...record } = event;
        return log(record);
      }
      case "checkpoint":
        return saveCheckpoint(run.checkpoint(event.name), { ...parts, state: event.state });
    }
  };
}
