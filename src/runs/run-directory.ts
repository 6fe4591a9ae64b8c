/** The folder of a run and the paths of its files. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkText, UsageError } from "../errors.js";
import { checkParts } from "../parts.js";
import { makeFolder, removeTemporaryFiles, writeFileAtomic } from "./atomic-file.js";
import { checkPath } from "./given-path.js";
import { JsonLinesLog } from "./metrics-log.js";
import { lockRun } from "./run-lock.js";
import { type BatchNormDriftRecord, type MetricsRecord, RUN_SCHEMA, type RunInfo } from "./schema.js";

/** A checkpoint: the newest, the best on the validation images, or that of a step. */
export type CheckpointName = "last" | "best" | number;

/** The folder of one run. schema.ts describes the contents of its files. */
export class RunDirectory {
  /** A description of the files for people; missing in older runs. */
  readonly readme: string;
  readonly recipe: string;
  readonly environment: string;
  readonly info: string;
  /** How photos without folders for their parts were split. */
  readonly split: string;
  /** The photos that were used, identified by their contents. */
  readonly photos: string;
  readonly images: string;
  readonly evaluation: string;
  /** Results of suites. The first suite creates the folder. */
  readonly suites: string;
  readonly checkpoints: string;
  /** Event files of TensorBoard, if the run writes them. */
  readonly tensorboard: string;
  /** A page about the run, and its metrics as a table. Both are written when the training ends. */
  readonly report: string;
  readonly metricsTable: string;
  readonly metrics: JsonLinesLog<MetricsRecord>;
  readonly batchNormDrift: JsonLinesLog<BatchNormDriftRecord>;

  private constructor(readonly path: string) {
    this.readme = join(path, "README.txt");
    this.recipe = join(path, "recipe.yaml");
    this.environment = join(path, "environment.json");
    this.info = join(path, "run.json");
    this.split = join(path, "split.json");
    this.photos = join(path, "photos.txt");
    this.images = join(path, "images");
    this.evaluation = join(path, "evaluation");
    this.suites = join(this.evaluation, "suites");
    this.checkpoints = join(path, "checkpoints");
    this.tensorboard = join(path, "tensorboard");
    this.report = join(path, "report.html");
    this.metricsTable = join(path, "metrics.csv");
    this.metrics = new JsonLinesLog(join(path, "metrics.jsonl"));
    this.batchNormDrift = new JsonLinesLog(join(path, "batch-norm-drift.jsonl"));
  }

  /**
   * Checks that a new run can be made in a folder: it does not exist, or is empty.
   *
   * @throws UsageError ERR_RUN_EXISTS where the folder has files, or the path is a file; ERR_PATH where the path is empty
   */
  static checkFree(path: string): void {
    checkPath("train", "run", path);
    const existing = existsSync(path) ? statSync(path) : undefined;
    if (existing !== undefined && !existing.isDirectory()) {
      throw new UsageError(
        "ERR_RUN_EXISTS",
        `a run needs a folder, but ${path} is a file. Choose another with \`run\`.`,
      );
    }
    if (existing !== undefined && readdirSync(path).length > 0) {
      const remedy = existsSync(join(path, "run.json"))
        ? "Pass `resume` to continue the run in it, or choose another folder with `run`."
        : "Choose another folder with `run`.";
      throw new UsageError("ERR_RUN_EXISTS", `a new run needs an empty folder, but ${path} holds files. ${remedy}`);
    }
  }

  /**
   * Makes the folder of a new run. An existing folder must be empty.
   *
   * @throws UsageError ERR_RUN_EXISTS where the folder has files, or the path is a file
   * @throws RunError ERR_WRITE where the folder cannot be made
   */
  static create(path: string): RunDirectory {
    RunDirectory.checkFree(path);
    const run = new RunDirectory(path);
    for (const folder of [run.images, run.evaluation, run.checkpoints]) makeFolder(folder);
    return run;
  }

  /**
   * Opens the folder of a run for reading. The run can be in progress.
   *
   * @throws UsageError ERR_ARGUMENT where the path is not text
   * @throws UsageError ERR_RUN_MISSING where the folder is not a run
   * @throws UsageError ERR_RUN_SCHEMA where its run.json has another version, or cannot be read
   */
  static open(path: string): RunDirectory {
    checkText(path, "the run's folder");
    checkPath("a run", "run", path);
    const run = new RunDirectory(path);
    if (!existsSync(run.info)) {
      throw new UsageError(
        "ERR_RUN_MISSING",
        `${path} is not the folder of a run: it has no run.json. Check the path.`,
      );
    }
    run.readInfo();
    return run;
  }

  /**
   * Opens the folder of a run to resume it. Nothing in it is changed before {@link lock}.
   *
   * @throws UsageError ERR_RUN_MISSING, ERR_RUN_SCHEMA as {@link open}, and ERR_RUN_MISSING where its checkpoints are missing
   */
  static resume(path: string): RunDirectory {
    checkPath("train", "run", path);
    if (!existsSync(join(path, "run.json"))) {
      throw new UsageError(
        "ERR_RUN_MISSING",
        `there is no run to resume in ${path}: it has no run.json. Check the path, or leave out \`resume\` to start a new run.`,
      );
    }
    const run = RunDirectory.open(path);
    if (!existsSync(run.checkpoints)) {
      throw new UsageError(
        "ERR_RUN_MISSING",
        `${path} cannot be resumed: its folder ${run.checkpoints}, which holds the weights, is missing. Restore it, or start a new run.`,
      );
    }
    return run;
  }

  /**
   * Makes this process the only writer of the run until it calls the returned function or ends. Removes the temporary files of a
   * killed process.
   *
   * @throws UsageError ERR_RUN_LOCKED where another running process is the writer, see {@link lockRun}
   * @throws RunError ERR_WRITE
   */
  lock(): () => void {
    const unlock = lockRun(this.path, join(this.path, "lock"));
    try {
      makeFolder(this.images); // the user can have deleted the pictures
      // Not in evaluation/, where another process can be writing.
      for (const folder of [this.path, this.images, this.checkpoints]) removeTemporaryFiles(folder);
    } catch (error) {
      unlock();
      throw error;
    }
    return unlock;
  }

  /** The paths of a checkpoint: its tensors and its counters. For the newest one also the path of the checkpoint before it. */
  checkpoint(name: CheckpointName): { readonly weights: string; readonly state: string; readonly previous?: string } {
    const stem = typeof name === "number" ? `step-${String(name).padStart(8, "0")}` : name;
    return {
      weights: join(this.checkpoints, `${stem}.safetensors`),
      state: join(this.checkpoints, `${stem}.json`),
      ...(name === "last" && { previous: join(this.checkpoints, "previous.safetensors") }),
    };
  }

  /** @throws UsageError ERR_RUN_SCHEMA where run.json has another version, or cannot be read */
  readInfo(): RunInfo {
    let info: unknown;
    try {
      info = JSON.parse(readFileSync(this.info, "utf8"));
    } catch (cause) {
      throw new UsageError("ERR_RUN_SCHEMA", `${this.info} cannot be read: ${(cause as Error).message}.`, { cause });
    }
    const schema = typeof info === "object" && info !== null && "schema" in info ? info.schema : undefined;
    if (schema !== RUN_SCHEMA) {
      throw new UsageError(
        "ERR_RUN_SCHEMA",
        `${this.info} must have schema ${RUN_SCHEMA}; found ${JSON.stringify(schema)}. Use the version of advprop that wrote it.`,
      );
    }
    return info as RunInfo;
  }

  /**
   * Checks that the parts of the run's own network and attack are registered.
   *
   * @returns what the user should know of them
   * @throws UsageError ERR_PARTS they are not
   */
  checkParts(): string[] {
    return checkParts(this.path, this.readInfo().parts ?? []);
  }

  /** The text of the recipe. @throws UsageError ERR_RUN_MISSING where it cannot be read */
  recipeText(): string {
    try {
      return readFileSync(this.recipe, "utf8");
    } catch (cause) {
      throw new UsageError(
        "ERR_RUN_MISSING",
        `${this.recipe} cannot be read, and the run cannot be used without it: ${(cause as Error).message}. Restore it.`,
        { cause },
      );
    }
  }

  /** @throws RunError ERR_WRITE where the file cannot be written */
  writeInfo(info: RunInfo): void {
    writeJson(this.info, info);
  }
}

/** The split that a run saved; undefined where it saved none. */
export function savedSplit<Split>(path: string): Split | undefined {
  const { split } = RunDirectory.open(path);
  return existsSync(split) ? (JSON.parse(readFileSync(split, "utf8")) as Split) : undefined;
}

/**
 * Writes a value as indented JSON in one atomic step. A list of numbers is on one line, so that a confusion matrix has one
 * line per row.
 *
 * @throws RunError ERR_WRITE where the file cannot be written
 */
export function writeJson(path: string, value: unknown): void {
  writeFileAtomic(path, `${indentedJson(value)}\n`);
}

/** Strings in JSON contain no line breaks, so that the pattern matches lists only. */
const indentedJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(/\[\n[\d\s.,eE+-]*\]/g, (list) =>
    list.replace(/\n\s*/g, " ").replace("[ ", "[").replace(/ ]$/, "]"),
  );

/** The default folder of a run: runs/METHOD-MODEL-YYYYMMDD-HHMMSS, in local time. */
export function defaultRunPath(method: string, model: string, now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return join("runs", `${method}-${model}-${date}-${time}`);
}
