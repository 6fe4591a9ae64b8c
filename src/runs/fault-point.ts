/**
 * Ends the process as `kill -9` would, at a named place, where the environment variable ADVPROP_FAULT_POINT asks for it:
 * how the tests prove that no crash harms a run.
 *
 * @param name what ADVPROP_FAULT_POINT must be, followed by `:N` for the N-th time only
 */
export function faultPoint(name: string): void {
  const asked = process.env.ADVPROP_FAULT_POINT;
  if (asked === undefined || !asked.startsWith(`${name}:`)) return;
  passed += 1;
  if (passed === Number(asked.slice(name.length + 1))) process.kill(process.pid, "SIGKILL");
}

let passed = 0;
