/** One writer for a run's folder, also where hosts or containers share it. */
import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { UsageError } from "../errors.js";
import { writeError, writeFileAtomic } from "./atomic-file.js";

/** Milliseconds between two signs of life. */
const HEARTBEAT = 10_000;

/** Milliseconds without one after which the writer on another host is taken for dead. */
export const STALE_AFTER = 60_000;

/** Who writes a run. */
interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the lock was taken, ISO 8601. */
  readonly since: string;
  /** When the process began, in its system's clock ticks since boot; tells it from a later process of the same number. */
  readonly processStart: string | undefined;
}

/** What this process holds: a process of the same number before it, in a container that was restarted, held something else. */
const held = new Set<string>();

/**
 * Makes this process the only writer of a run. Each 10 s the file's time says that it is alive.
 *
 * @param path the lock's file
 * @returns what gives the lock back
 * @throws UsageError ERR_RUN_LOCKED another process that is alive holds it. On this host the process is asked for; of another host a lock
 *   counts as left behind after 60 s without a sign of life
 * @throws RunError ERR_WRITE the file cannot be written
 */
export function lockRun(run: string, path: string): () => void {
  const file = resolve(path);
  const mine: Owner = {
    host: hostname(),
    pid: process.pid,
    since: new Date().toISOString(),
    processStart: processStart(process.pid),
  };
  const offer = `${file}.${process.pid}`;
  writeFileAtomic(offer, `${JSON.stringify(mine)}\n`);
  try {
    while (!links(offer, file)) {
      const text = readIfThere(file);
      if (text === undefined) continue; // given back meanwhile
      refuseLiving(run, file, text);
      removeExactly(file, text);
    }
  } finally {
    rmSync(offer, { force: true });
  }
  held.add(file);
  const heartbeat = setInterval(() => touch(file), HEARTBEAT).unref();
  return () => {
    clearInterval(heartbeat);
    held.delete(file);
    rmSync(file, { force: true });
  };
}

/** Gives a file a second name, unless that is taken: of two processes only one can. */
function links(from: string, to: string): boolean {
  try {
    try {
      linkSync(from, to);
    } catch (error) {
      if (isCode(error, "EEXIST")) throw error;
      copyFileSync(from, to, constants.COPYFILE_EXCL); // a file system without second names
    }
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw writeError(to, error);
  }
}

/** Whether a process that is alive writes a run, as far as can be known; for whoever only looks. @param path the lock's file */
export function isRunLocked(path: string): boolean {
  const file = resolve(path);
  const text = readIfThere(file);
  const owner = text === undefined ? undefined : parseOwner(text);
  return owner !== undefined && isLiving(file, owner);
}

function isLiving(file: string, owner: Owner): boolean {
  return owner.host === hostname() ? isHeldHere(file, owner) : silenceOf(file) <= STALE_AFTER;
}

/** Milliseconds since the last sign of life. */
const silenceOf = (file: string): number => Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);

function refuseLiving(run: string, file: string, text: string): void {
  const owner = parseOwner(text);
  if (owner === undefined) return; // half a file: its writer died
  if (!isLiving(file, owner)) return;
  const elsewhere = owner.host !== hostname();
  const silent = silenceOf(file);
  const remedy = elsewhere
    ? `Its last sign of life is ${Math.max(0, Math.round(silent / 1000))} s old; if it is gone, try again after ${STALE_AFTER / 1000} s without one.`
    : "Wait for it or stop it.";
  throw new UsageError(
    "ERR_RUN_LOCKED",
    `${run} is being written by process ${owner.pid} on ${owner.host} since ${owner.since}. ${remedy}`,
  );
}

function isHeldHere(file: string, { pid, processStart: began }: Owner): boolean {
  if (pid === process.pid) return held.has(file);
  return isAlive(pid) && (began === undefined || began === processStart(pid));
}

/** Takes a stale lock away; puts it back where another process took the place of the stale one meanwhile. */
function removeExactly(file: string, stale: string): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    throw error;
  }
  if (readFileSync(aside, "utf8") !== stale) links(aside, file);
  rmSync(aside, { force: true });
}

/** Also reads the locks of earlier versions, a process number alone, on this host. */
function parseOwner(text: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "number")
      return { host: hostname(), pid: value, since: "an earlier version", processStart: undefined };
    const owner = value as Partial<Owner> | null;
    return typeof owner?.pid === "number" && typeof owner.host === "string" ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** A lock that was removed by hand stays removed. */
function touch(file: string): void {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // Another host may then take the run; nothing is to be done about it here.
  }
}

/** Field 22 of /proc/PID/stat, see proc(5); undefined where there is no such file. */
function processStart(pid: number): string | undefined {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  // The second field, the program's name in brackets, may hold blanks and brackets.
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

/** Whether a process is there, also one of another user. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, "EPERM");
  }
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;
