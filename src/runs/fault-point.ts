/**
 * Kills the process as `kill -9` does, if the environment variable ADVPROP_FAULT_POINT has this name. Tests use it to show that a
 * crash at this point does not damage a run.
 *
 * @param name the value of ADVPROP_FAULT_POINT; with `:N` appended to the value, only the N-th call kills
 */
export function faultPoint(name: string): void {
  const asked = process.env.ADVPROP_FAULT_POINT;
  if (asked === undefined || !asked.startsWith(`${name}:`)) return;
  passed += 1;
  if (passed === Number(asked.slice(name.length + 1))) process.kill(process.pid, "SIGKILL");
}

let passed = 0;
