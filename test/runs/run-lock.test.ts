import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { lockRun } from "../../src/runs/run-lock.js";

let folder: string;
let path: string;
const lock = () => lockRun(folder, path);
const owner = (fields: object) => writeFileSync(path, JSON.stringify({ since: "2026-01-01T00:00:00Z", ...fields }));
const aged = (seconds: number) => utimesSync(path, Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);
const deadProcess = () => spawnSync(process.execPath, ["-e", ""]).pid;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "advprop-lock-"));
  path = join(folder, "lock");
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

describe("the lock of a run", () => {
  it("records host, process and time, is refused to a second writer, and can be taken again after its release", () => {
    const unlock = lock();
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ host: hostname(), pid: process.pid });
    expect(lock).toThrow(
      new RegExp(`is being written by process ${process.pid} on ${hostname()} since 2.*Wait for it`),
    );
    unlock();
    expect(readdirSync(folder)).toEqual([]);
    lock()();
  });

  it("is refused while another process of this host holds it, even without a heartbeat", async () => {
    const other = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], { stdio: "ignore" });
    try {
      owner({ host: hostname(), pid: other.pid });
      aged(3600);
      expect(lock).toThrow(/is being written by process/);
      expect(existsSync(path)).toBe(true);
    } finally {
      other.kill();
    }
  });

  it.each([
    ["of a process that ended", () => owner({ host: hostname(), pid: deadProcess() })],
    ["of an earlier process of this process's number", () => owner({ host: hostname(), pid: process.pid })],
    [
      "of an earlier process of another's number",
      () => owner({ host: hostname(), pid: process.ppid, processStart: "1" }),
    ],
    ["that is half written", () => writeFileSync(path, '{"host":"x","pi')],
    ["that is empty", () => writeFileSync(path, "")],
    ["of an earlier version", () => writeFileSync(path, String(deadProcess()))],
  ])("takes the place of one %s", (_, write) => {
    write();
    const unlock = lock();
    expect(JSON.parse(readFileSync(path, "utf8")).pid).toBe(process.pid);
    expect(readdirSync(folder)).toEqual(["lock"]);
    unlock();
  });

  it("respects the lock of another host for 60 s after its last heartbeat", () => {
    owner({ host: "elsewhere", pid: deadProcess() });
    aged(50);
    expect(lock).toThrow(/on elsewhere since 2026-01-01T00:00:00Z. Its last heartbeat was 50 s ago/);
    aged(61);
    lock()();
  });

  it("writes a heartbeat every 10 s", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
    const unlock = lock();
    vi.setSystemTime(Date.now() + 1_000_000);
    const expected = Date.now() + 10_000;
    vi.advanceTimersByTime(10_000);
    expect(Math.abs(expected - statSync(path).mtimeMs)).toBeLessThan(1000);
    unlock();
    expect(existsSync(path)).toBe(false);
  });

  it("that another host has taken over in the meantime is neither touched nor released", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const unlock = lock();
    owner({ host: "elsewhere", pid: 1 });
    aged(50);
    const before = statSync(path).mtimeMs;
    vi.advanceTimersByTime(10_000);
    expect(statSync(path).mtimeMs).toBe(before);
    unlock();
    expect(JSON.parse(readFileSync(path, "utf8")).host).toBe("elsewhere");
  });

  it("is given to only one of many processes at the same time", async () => {
    owner({ host: hostname(), pid: deadProcess() });
    const program = `
      const { lockRun } = await import(process.argv[1]);
      try { lockRun("run", process.argv[2]); console.log("taken"); setTimeout(() => {}, 3000); }
      catch (error) { console.log(error.code); }`;
    const module = new URL("../../dist/runs/run-lock.js", import.meta.url).href;
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => {
        const child = spawn(process.execPath, ["--input-type=module", "-e", program, module, path]);
        return new Promise<string>((resolve) => {
          child.stdout.once("data", (data) => resolve(String(data).trim()));
        }).finally(() => setTimeout(() => child.kill(), 1500));
      }),
    );
    expect(answers.filter((answer) => answer === "taken")).toHaveLength(1);
    expect(answers.filter((answer) => answer === "ERR_RUN_LOCKED")).toHaveLength(5);
  });
});
