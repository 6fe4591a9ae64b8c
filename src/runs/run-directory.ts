/** A run is a folder: where its files lie, and when a folder may become one. */

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../errors.js";
import { checkParts } from "../parts.js";
import { removeTemporaryFiles, writeError, writeFileAtomic } from "./atomic-file.js";
import { JsonLinesLog } from "./metrics-log.js";
import { lockRun } from "./run-lock.js";
import { type BatchNormDriftRecord, type MetricsRecord, RUN_SCHEMA, type RunInfo } from "./schema.js";

/** Which checkpoint: the newest, the best on the validation images, or that of a step. */
export type CheckpointName = "last" | "best" | number;

/** The folder of one run. See schema.ts for what its files hold. */
export class RunDirectory {
  /** What each file is, for people; absent in earlier runs. */
  readonly readme: string;
  readonly recipe: string;
  readonly environment: string;
  readonly info: string;
  /** How photos without folders for their parts were divided. */
  readonly split: string;
  /** Which photos were used, by their contents. */
  readonly photos: string;
  readonly images: string;
  readonly evaluation: string;
  /** Results of suites; made by the first. */
  readonly suites: string;
  readonly checkpoints: string;
  /** Event files of TensorBoard, where they are asked for. */
  readonly tensorboard: string;
  /** A page about the run, and its metrics as a table; both from when its training ended. */
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
   * Checks that a new run may be made in a folder: it is not there yet, or empty.
   *
   * @throws UsageError ERR_RUN_EXISTS where something is there already
   */
  static checkFree(path: string): void {
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
   * Makes the folder of a new run; an existing one must be empty.
   *
   * @throws UsageError ERR_RUN_EXISTS where something is there already
   * @throws RunError ERR_WRITE where the folder cannot be made
   */
  static create(path: string): RunDirectory {
    RunDirectory.checkFree(path);
    const run = new RunDirectory(path);
    try {
      for (const folder of [run.images, run.evaluation, run.checkpoints]) mkdirSync(folder, { recursive: true });
    } catch (cause) {
      throw writeError(path, cause);
    }
    return run;
  }

  /**
   * Opens the folder of a run to read it, perhaps while it is being written.
   *
   * @throws UsageError ERR_RUN_MISSING where the folder holds no run
   * @throws UsageError ERR_RUN_SCHEMA where its run.json is of another version, or unreadable
   */
  static open(path: string): RunDirectory {
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
   * Opens the folder of a run to continue it. Nothing in it is touched before {@link lock}.
   *
   * @throws UsageError ERR_RUN_MISSING, ERR_RUN_SCHEMA as {@link open}, and ERR_RUN_MISSING where its checkpoints are gone
   */
  static resume(path: string): RunDirectory {
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
        `${path} cannot be resumed: its folder ${run.checkpoints}, which holds the weights, is not there. Restore it, or start a new run.`,
      );
    }
    return run;
  }

  /**
   * Makes this process the one that writes the run, until it calls what this returns or ends, and removes what a killed
   * one left half written.
   *
   * @throws UsageError ERR_RUN_LOCKED where another process that is alive writes it, see {@link lockRun}
   */
  lock(): () => void {
    const unlock = lockRun(this.path, join(this.path, "lock"));
    mkdirSync(this.images, { recursive: true }); // pictures may have been thrown away
    // Not in evaluation/: another process may be writing there.
    for (const folder of [this.path, this.images, this.checkpoints]) removeTemporaryFiles(folder);
    return unlock;
  }

  /** Where a checkpoint lies: its tensors and its counters; of the newest also the one that it replaced. */
  checkpoint(name: CheckpointName): { readonly weights: string; readonly state: string; readonly previous?: string } {
    const stem = typeof name === "number" ? `step-${String(name).padStart(8, "0")}` : name;
    return {
      weights: join(this.checkpoints, `${stem}.safetensors`),
      state: join(this.checkpoints, `${stem}.json`),
      ...(name === "last" && { previous: join(this.checkpoints, "previous.safetensors") }),
    };
  }

  /** @throws UsageError ERR_RUN_SCHEMA where run.json is of another version, or unreadable */
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

  /** The recipe as it is written there. @throws UsageError ERR_RUN_MISSING where it cannot be read */
  recipeText(): string {
    try {
      return readFileSync(this.recipe, "utf8");
    } catch (cause) {
      throw new UsageError(
        "ERR_RUN_MISSING",
        `${this.recipe} cannot be read, and without it nothing is known of the run: ${(cause as Error).message}. Restore it.`,
        { cause },
      );
    }
  }

  /** @throws RunError ERR_WRITE where the file cannot be written */
  writeInfo(info: RunInfo): void {
    writeJson(this.info, info);
  }
}

/** The split that a run saved, as it was written; undefined where it saved none. */
export function savedSplit<Split>(path: string): Split | undefined {
  const { split } = RunDirectory.open(path);
  return existsSync(split) ? (JSON.parse(readFileSync(split, "utf8")) as Split) : undefined;
}

/**
 * Writes a value as indented JSON, all or nothing. A list of numbers is one line: a confusion matrix has a row on each.
 *
 * @throws RunError ERR_WRITE where the file cannot be written
 */
export function writeJson(path: string, value: unknown): void {
  writeFileAtomic(path, `${indentedJson(value)}\n`);
}

/** No string of JSON holds a line break, so that what is matched are lists. */
const indentedJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(/\[\n[\d\s.,eE+-]*\]/g, (list) =>
    list.replace(/\n\s*/g, " ").replace("[ ", "[").replace(/ ]$/, "]"),
  );

/** Where a run goes when nothing else was said: runs/METHOD-MODEL-YYYYMMDD-HHMMSS, in local time. */
export function defaultRunPath(method: string, model: string, now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return join("runs", `${method}-${model}-${date}-${time}`);
}
