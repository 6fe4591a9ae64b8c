/** What takes too long for every change: npm run test:soak [-- --only kills|long-run|fuzz]. docs/reliability.md has what it gave. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const FUZZ_CASES = 20_000;
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const PARTS = {
  kills: [[at("kills.mjs")]],
  "long-run": [[at("long-run.mjs")]],
  fuzz: [
    [at("../../node_modules/vitest/vitest.mjs"), "run", "--project", "quick", "--testTimeout=1800000", "test/fuzz"],
    { ADVPROP_FUZZ_CASES: String(FUZZ_CASES) },
  ],
};

const { values } = parseArgs({ options: { only: { type: "string" } } });
if (values.only !== undefined && !(values.only in PARTS)) {
  console.error(`test:soak: --only must be one of ${Object.keys(PARTS).join(", ")}; got ${values.only}`);
  process.exit(2);
}
for (const [name, [args, env]] of Object.entries(PARTS)) {
  if (values.only !== undefined && values.only !== name) continue;
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit", env: { ...process.env, ...env } });
  process.exitCode ||= status ?? 1;
}
