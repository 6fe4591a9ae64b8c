/** The part of a training that writes: it runs the training loop, passes its events on, and fills the run's folder. */
import { join } from "node:path";
import type { OpenedData } from "../../data/opened-data.js";
import { describeLeftOut, describeParts } from "../../data/photos/photo-text.js";
import type { ProcessGroup } from "../../distributed/process-group.js";
import type { settleBatchSize, Training } from "../../recipes/build/build.js";
import { stringifyRecipe } from "../../recipes/resolve.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { writeFileAtomic } from "../../runs/atomic-file.js";
import { processorName } from "../../runs/environment.js";
import type { RunDirectory } from "../../runs/run-directory.js";
import type { RunStatus } from "../../runs/schema.js";
import type { EventFile } from "../../runs/tensorboard/event-file.js";
import { engineInfo } from "../../tensor/index.js";
import type { Reproducibility, TrainingState } from "../../training/checkpoint.js";
import type { FitEvent, Listener } from "../../training/events.js";
import { fit, updatesPerEpoch } from "../../training/fit.js";
import { type RecordedParts, runRecorder } from "../../training/run-recorder.js";
import type { TrainEvent, TrainResult } from "../events.js";
import { writeRunReport } from "../report/run-report.js";
import type { TrainOptions } from "./options.js";
import type { Plan, PreparedPlan } from "./plan.js";
import { shareState } from "./ranks.js";
import { describeChanges } from "./resume-changes.js";
import { openEvents, resumeState, writeNewRun } from "./run-folder.js";

export type Note = (message: string, warning?: boolean) => Promise<void>;

export const noteTo =
  (tell: (event: TrainEvent) => Promise<void>): Note =>
  (message, warning = false) =>
    tell({ type: "note", message, warning });

interface Recording {
  readonly run: RunDirectory;
  readonly plan: PreparedPlan;
  readonly recipe: ReturnType<typeof settleBatchSize>["recipe"];
  readonly training: Training;
  readonly data: OpenedData;
  /** Notes that are printed at its start. */
  readonly notes: readonly string[];
  readonly options: TrainOptions;
  readonly tell: (event: TrainEvent) => Promise<void>;
}

/** Trains. If this fails, the status of the run is "failed". @throws what {@link fit} and the listener throw */
export async function record({
  run,
  plan,
  recipe,
  training,
  data,
  notes,
  options,
  tell,
}: Recording): Promise<TrainResult> {
  plan.prepare();
  const reproducibility = thisMachine(options.group);
  const note = noteTo(tell);
  let state: TrainingState | undefined;
  if (plan.resumed === undefined) {
    writeNewRun(run, recipe, data, reproducibility, options.command ?? []);
  } else {
    const resumed = resumeState(run, training, reproducibility);
    for (const line of resumed.warnings) await note(line, true);
    await note(resumed.note);
    state = resumed.state;
  }
  const setStatus = noteResume(run, plan, recipe, training, state);
  setStatus("running");
  try {
    const { name, classes, train: images } = data;
    const trainingImages = images?.length ?? 0;
    await tell({
      type: "started",
      run: run.path,
      step: state?.step ?? 0,
      recipe,
      data: { name, classes, trainingImages },
    });
    const leftOutBefore = data.leftOut().length;
    await note(describeParts(data));
    for (const line of [...data.notes, ...describeLeftOut(data.leftOut())]) await note(line, true);
    const stepsPerEpoch = updatesPerEpoch(training.loader, recipe.training.accumulationSteps);
    for (const line of [...describeChanges(recipe, plan.changes, stepsPerEpoch, state?.step ?? 0), ...notes]) {
      await note(line);
    }
    const { group } = options;
    if (group !== undefined) shareState(group, training, state);
    const { logEverySteps } = recipe.training;
    const events = await openEvents(run, options.tensorboard === true, state);
    const result = await fit({
      ...recipe.training,
      ...training,
      seed: recipe.seed,
      resume: state,
      signal: options.signal,
      prepare: plan.prepare,
      onEvent: listener(run, training, { reproducibility, logEverySteps, events }, tell),
    });
    setStatus(result.status);
    const unwritten = await writeRunReport(run);
    if (unwritten !== undefined) await note(unwritten, true);
    for (const line of describeLeftOut(data.leftOut().slice(leftOutBefore))) await note(line, true);
    const ended = resultOf(run, result, data);
    await tell({ type: "finished", ...ended });
    return ended;
  } catch (error) {
    try {
      setStatus("failed");
    } catch {
      // The disk is full; the error that is thrown below says this.
    }
    throw error;
  }
}

/** Writes each event into the run's folder, and passes it on. Notes once if steps can no longer be captured as a CUDA graph. */
function listener(
  run: RunDirectory,
  training: Training,
  settings: Pick<RecordedParts, "reproducibility" | "logEverySteps"> & { readonly events: EventFile | undefined },
  tell: (event: TrainEvent) => Promise<void>,
): Listener<FitEvent> {
  const write = runRecorder(run, { ...training, ...settings });
  let refusal: string | undefined;
  return async (event) => {
    write(event);
    if (refusal === undefined && training.captured?.refusal !== undefined) {
      refusal = training.captured.refusal;
      await noteTo(tell)(`Note: training steps run without a CUDA graph, which is slower: ${refusal}`);
    }
    if (event.type === "checkpoint") {
      const { name, state } = event;
      await tell({ type: "checkpoint", name, step: state.step, weights: run.checkpoint(name).weights });
      return;
    }
    await tell(event);
    if (event.type !== "epoch" || training.snapshot === undefined) return;
    const file = join(run.images, await training.snapshot(run.images, event.epoch));
    await settings.events?.image("adversarial_examples", event.step, file);
    await tell({ type: "picture", epoch: event.epoch, file });
  };
}

/** Records in run.json when a run was resumed and what was changed. Returns a function that sets the status. */
function noteResume(
  run: RunDirectory,
  { resumed, changes }: Plan,
  recipe: ResolvedRecipe,
  { model }: Training,
  state: TrainingState | undefined,
): (status: RunStatus) => void {
  const before = run.readInfo();
  const at = new Date().toISOString();
  const resumedAt = resumed === undefined ? before.resumedAt : [...before.resumedAt, at];
  const changed = Object.keys(changes).length > 0;
  const info = {
    ...before,
    view: model.specification.view,
    resumedAt,
    ...(changed && { changes: [...(before.changes ?? []), { at, step: state?.step ?? 0, settings: changes }] }),
  };
  if (changed) writeFileAtomic(run.recipe, stringifyRecipe(recipe));
  return (status) => run.writeInfo({ ...info, status });
}

function resultOf(run: RunDirectory, result: Awaited<ReturnType<typeof fit>>, data: OpenedData): TrainResult {
  const { status, reason, state } = result;
  const { name, classes, sizes, available } = data;
  const reading = data.statistics();
  return {
    run: run.path,
    status,
    reason,
    step: state.step,
    weights: run.checkpoint(state.best === undefined ? "last" : "best").weights,
    ...(state.best && { best: state.best }),
    data: { name, classes, parts: available, images: sizes, leftOut: data.leftOut() },
    ...(reading && { reading }),
  };
}

const thisMachine = (group: ProcessGroup | undefined): Reproducibility => ({
  processor: processorName(),
  threads: engineInfo().threads,
  torch: engineInfo().torch,
  ...(group && { ranks: group.size }),
});
