/** Ensures that a run's folder, or the part of a download, has only one writer, also where hosts or containers share it. */
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

/** Milliseconds between two heartbeats. */
const HEARTBEAT = 10_000;

/** Milliseconds without a heartbeat after which a writer on another host counts as dead. */
const STALE_AFTER = 60_000;

/** Ends the names of this process's files. Containers can have equal process numbers. */
const OWN_SUFFIX = `${hostname()}.${process.pid}`;

/** The writer of a run. */
interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the lock was taken, ISO 8601. */
  readonly since: string;
  /** When the process began, in clock ticks since boot. It distinguishes the process from a later one with the same number. */
  readonly processStart: string | undefined;
}

/** Locks of this process. An earlier process can have had the same number, for instance in a restarted container. */
const held = new Set<string>();

/**
 * Makes this process the only writer of a run. It updates the modification time of the lock's file every 10 s as a heartbeat.
 *
 * @param path the lock's file
 * @returns a function that releases the lock
 * @throws UsageError ERR_RUN_LOCKED another running process holds it. On this host the system is asked whether the process
 *   runs. A lock of another host counts as abandoned after 60 s without a heartbeat
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
  const offer = `${file}.${OWN_SUFFIX}`;
  const own = `${JSON.stringify(mine)}\n`;
  writeFileAtomic(offer, own);
  try {
    while (!links(offer, file)) {
      const text = readIfThere(file);
      if (text === undefined) continue; // it was released in the meantime
      refuseLiving(run, file, text);
      removeExactly(file, text);
    }
  } finally {
    rmSync(offer, { force: true });
  }
  held.add(file);
  const heartbeat = setInterval(() => touch(file, own), HEARTBEAT).unref();
  return () => {
    clearInterval(heartbeat);
    held.delete(file);
    if (readIfThere(file) === own) rmSync(file, { force: true });
  };
}

/** Gives a file a second name, unless that name exists. Of two processes only one can succeed. */
function links(from: string, to: string): boolean {
  try {
    try {
      linkSync(from, to);
    } catch (error) {
      if (isCode(error, "EEXIST")) throw error;
      copyFileSync(from, to, constants.COPYFILE_EXCL); // a file system without hard links
    }
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw writeError(to, error);
  }
}

/** Whether a running process writes a run, as far as this can be known. For readers of the run. @param path the lock's file */
export function isRunLocked(path: string): boolean {
  const file = resolve(path);
  const text = readIfThere(file);
  const owner = text === undefined ? undefined : parseOwner(text);
  return owner !== undefined && isLiving(file, owner);
}

function isLiving(file: string, owner: Owner): boolean {
  return owner.host === hostname() ? isHeldHere(file, owner) : silenceOf(file) <= STALE_AFTER;
}

/** Milliseconds since the last heartbeat. */
const silenceOf = (file: string): number => Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);

function refuseLiving(run: string, file: string, text: string): void {
  const owner = parseOwner(text);
  if (owner === undefined) return; // the file is incomplete: its writer was killed
  if (!isLiving(file, owner)) return;
  const elsewhere = owner.host !== hostname();
  const silent = silenceOf(file);
  const remedy = elsewhere
    ? `Its last heartbeat was ${Math.max(0, Math.round(silent / 1000))} s ago; if the process has ended, try again ${STALE_AFTER / 1000} s after its last heartbeat.`
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

/** Removes a stale lock. Restores the file if it turns out to be the lock of another process that replaced the stale one. */
function removeExactly(file: string, stale: string): void {
  const aside = `${file}.stale.${OWN_SUFFIX}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    throw error;
  }
  if (readFileSync(aside, "utf8") !== stale) links(aside, file);
  rmSync(aside, { force: true });
}

/** Also reads the locks of earlier versions, which are only a process number on this host. */
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

/** Updates the modification time. A lock that the user has removed stays removed, and that of another host is left alone. */
function touch(file: string, own: string): void {
  const now = new Date();
  try {
    if (readIfThere(file) === own) utimesSync(file, now, now);
  } catch {
    // Another host can then take over the run, which this process cannot prevent.
  }
}

/** Field 22 of /proc/PID/stat, see proc(5); undefined where there is no such file. */
function processStart(pid: number): string | undefined {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  // The second field, the program's name in brackets, can contain spaces and brackets.
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

/** Whether a process runs, also one of another user. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, "EPERM");
  }
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;
