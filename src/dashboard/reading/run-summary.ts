/** Makes the summary of a run for the list of runs. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { lossesOf } from "../../runs/losses.js";
import { isRunLocked } from "../../runs/run-lock.js";
import { RUN_SCHEMA } from "../../runs/schema.js";
import type { RunState, RunSummary, RunVersions } from "../wire.js";
import { evaluationScores } from "./evaluations.js";
import { statusOf } from "./file-status.js";
import { type JsonObject, numberOf, objectOf, readJsonObject, textOf } from "./read-json.js";
import { parseRecord } from "./records.js";

/** Number of bytes at the end of metrics.jsonl that are read for the newest records. */
const TAIL = 16 * 1024;

/** When the parts of a run last changed. */
export function versionsOf(path: string): RunVersions & { readonly info: number } {
  const time = (name: string) => {
    const status = statusOf(join(path, name));
    // The size distinguishes two writes with the same time stamp.
    return status === undefined ? 0 : status.mtimeMs + status.size / 2 ** 32;
  };
  return {
    info: time("run.json"),
    metrics: time("metrics.jsonl"),
    drift: time("batch-norm-drift.jsonl"),
    images: time("images"),
    evaluation: Math.max(time("evaluation"), time("evaluation/suites")),
  };
}

/** The run's state, from its status and its lock. */
function stateOf(status: unknown, path: string): RunState {
  if (status === "running") return isRunLocked(join(path, "lock")) ? "running" : "crashed";
  return status === "finished" || status === "stopped" ? status : "failed";
}

/** Whether the state may change without a change of files: a process may die, and the right to read a file may be given. */
export const mayChange = ({ state }: RunSummary): boolean =>
  state === "running" || state === "crashed" || state === "unreadable";

/** @param before the previous summary; its scores are reused if the folder of evaluations has not changed */
export function summariseRun(id: string, path: string, folder: string, before?: RunSummary): RunSummary {
  const { info: infoVersion, ...versions } = versionsOf(path);
  const changedAt = Math.floor(Math.max(infoVersion, ...Object.values(versions)));
  const name = id === "." ? basename(folder) : id.split("/").at(-1)!;
  let info: JsonObject;
  let state: RunState;
  try {
    info = readInfo(path);
    state = stateOf(info.status, path);
  } catch (error) {
    return { id, name, state: "unreadable", problem: (error as Error).message, changedAt, versions };
  }
  const data = objectOf(info.data);
  return {
    id,
    name,
    state,
    data: textOf(data?.name),
    createdAt: textOf(info.createdAt),
    changedAt,
    versions,
    ...recipeLine(join(path, "recipe.yaml")),
    ...newestRecords(join(path, "metrics.jsonl")),
    best: numberOf(bestOf(path)?.accuracy),
    ...(before !== undefined && before.state !== "unreadable" && before.versions.evaluation === versions.evaluation
      ? { clean: before.clean, robust: before.robust, attack: before.attack }
      : evaluationScores(join(path, "evaluation"))),
  };
}

/** @throws Error what the problem with run.json is */
function readInfo(path: string): JsonObject {
  let info: unknown;
  try {
    info = JSON.parse(readFileSync(join(path, "run.json"), "utf8"));
  } catch (error) {
    throw new Error(`run.json cannot be read: ${(error as Error).message}`);
  }
  const schema = objectOf(info)?.schema;
  if (schema === RUN_SCHEMA) return info as JsonObject;
  throw new Error(`run.json has schema ${JSON.stringify(schema)}, but this version of advprop reads ${RUN_SCHEMA}`);
}

const bestOf = (path: string) =>
  objectOf(objectOf(readJsonObject(join(path, "checkpoints", "best.json"))?.state)?.best);

/** Finds the values by their lines, because parsing five hundred recipes as YAML takes almost a second. */
function recipeLine(path: string): Pick<RunSummary, "method" | "model" | "seed" | "epochs"> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return {};
  }
  const value = (pattern: RegExp) => pattern.exec(text)?.[1];
  const number = (pattern: RegExp) => {
    const found = value(pattern);
    return found === undefined ? undefined : numberOf(Number(found));
  };
  return {
    method: value(/^method: *([\w-]+)/m),
    model: value(/^model: *([\w-]+)/m),
    seed: number(/^seed: *(\d+)/m),
    epochs: number(/^training:\s*\n(?: .*\n)*? +epochs: *(\d+)/m),
  };
}

/** Values of the newest record of each type in the end of the file. */
function newestRecords(path: string): Partial<RunSummary> {
  const newest: { [type: string]: Readonly<Record<string, unknown>> } = {};
  let last: Readonly<Record<string, unknown>> | undefined;
  for (const line of tailLines(path)) {
    const record = parseRecord(line);
    if (record === undefined) continue;
    newest[record.type] = record.fields;
    if (record.type !== "validation") last = record.fields;
  }
  const epoch = numberOf(newest.epoch?.epoch);
  return {
    step: numberOf(last?.step),
    epochsDone: epoch === undefined ? undefined : epoch + 1,
    loss: numberOf(last?.[lossesOf(Object.keys(last))[0]]),
    imagesPerSecond: numberOf(last?.imagesPerSecond),
    secondsPerEpoch: numberOf(newest.epoch?.seconds),
    validation: numberOf(newest.validation?.accuracy),
  };
}

/** The complete lines at the end of a file. */
function tailLines(path: string): string[] {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(0, size - TAIL);
    const bytes = Buffer.alloc(size - start);
    const length = readSync(file, bytes, 0, bytes.length, start);
    const lines = bytes.toString("utf8", 0, length).split("\n").slice(0, -1);
    return start === 0 ? lines : lines.slice(1);
  } catch {
    return [];
  } finally {
    closeSync(file);
  }
}
