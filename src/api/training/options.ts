/** The options of `train`. */
import type { SavedSplit } from "../../data/folders/photo-split.js";
import type { ProcessGroup } from "../../distributed/process-group.js";
import type { Listener } from "../../training/events.js";
import type { TrainEvent } from "../events.js";

export interface TrainOptions {
  /** Folder of the run. For a new run it must be empty or not exist; by default runs/METHOD-MODEL-TIME. */
  readonly run?: string;
  /** Resumes the run in `run` with its saved recipe. The given recipe may change a few values of it. */
  readonly resume?: boolean;
  /** The split of a folder of photos without splits; by default drawn by the recipe's seed. */
  readonly split?: SavedSplit;
  /** Also writes TensorBoard event files into the run's folder. A resumed run that has some always continues them. */
  readonly tensorboard?: boolean;
  /**
   * If it is aborted, the run finishes its step and is saved, and the result has the status "stopped". If it is aborted already when
   * `train` is called, nothing is read or written, and `train` throws the signal's reason. Only a `group` begins all the same, because
   * its processes stop together.
   */
  readonly signal?: AbortSignal;
  /** Called with every event; training waits for its promise. */
  readonly onEvent?: Listener<TrainEvent>;
  /** The mini-batch size that the learning rate is for, if the recipe's batch size is "auto"; by default 128. */
  readonly referenceSize?: number;
  /** The command that is recorded in the run's folder; by default none. */
  readonly command?: readonly string[];
  /**
   * The processes that train together; each of them calls `train`. The recipe and all other options are those of rank 0, which writes
   * the run. A signal to any process stops all. By default this process trains alone.
   */
  readonly group?: ProcessGroup;
}
