/** The memory of this process, as the operating system reports it. */
import { readFileSync, writeFileSync } from "node:fs";

/** A value of /proc/self/status in bytes, or undefined if the system has no such file. */
function status(key: string): number | undefined {
  try {
    const match = new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"));
    return match === null ? undefined : Number(match[1]) * 1024;
  } catch {
    return undefined;
  }
}

/** Bytes in main memory now. */
export const residentBytes = (): number => status("VmRSS") ?? process.memoryUsage.rss();

/** Largest number of bytes in main memory since {@link resetPeakResident}, or since the process began if the peak cannot be reset. */
export const peakResidentBytes = (): number => status("VmHWM") ?? process.resourceUsage().maxRSS * 1024;

/** Resets the peak. Only Linux can do this; on other systems the peak is that of the whole process. */
export function resetPeakResident(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // The peak of the whole process is that of the steps all the same: they take more than loading did.
  }
}

/** Page faults so far that needed no disk: memory that was touched for the first time. */
export const minorFaults = (): number => process.resourceUsage().minorPageFault;
