/**
 * TensorBoard's own reader finds in the event files of a training, stopped and resumed, what its logs say.
 *
 *     npm run test:peers -- --python PYTHON
 *
 * PYTHON needs tensorboard (docs/seeing-runs.md). Prints what was compared, and ends with exit code 1 where something differs.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openRun, train } from "../../dist/index.js";
import { driftScalars, metricScalars } from "../../dist/runs/tensorboard/scalars.js";

const { values } = parseArgs({ options: { python: { type: "string" }, only: { type: "string", default: "" } } });
if (values.python === undefined) {
  console.error("test:peers: which Python has the libraries must be said: npm run test:peers -- --python PYTHON");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "advprop-peers-"));
try {
  const run = join(folder, "run");
  const recipe = {
    model: "resnet8",
    method: "advprop",
    threads: 1,
    data: { path: "shapes", shapes: { images: 64, validationImages: 20 } },
    training: { epochs: 4, batchSize: 16, logEverySteps: 1 },
  };
  // Stopped at step 6 after a checkpoint of step 4: steps 5 and 6 come again from the resumed training.
  const stopped = train(recipe, {
    run,
    tensorboard: true,
    onEvent: ({ type, step }) => {
      if (type === "step" && step === 6) throw new Error("killed");
    },
  });
  await stopped.catch(({ message }) => {
    if (message !== "killed") throw new Error(message);
  });
  await train({}, { run, resume: true });
  const script = fileURLToPath(new URL("read_events.py", import.meta.url));
  const { stdout, stderr, status } = spawnSync(values.python, [script, join(run, "tensorboard")], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(stderr);
  const found = JSON.parse(stdout);
  const { metrics, batchNormDrift } = openRun(run);
  const expected = new Map();
  const expect = (step, scalars) => {
    for (const [tag, value] of scalars) expected.set(tag, [...(expected.get(tag) ?? []), [step, Math.fround(value)]]);
  };
  for (const record of metrics()) expect(record.step, metricScalars(record));
  for (const record of batchNormDrift()) expect(record.step, driftScalars(record));
  const tags = [...expected.keys()].sort();
  if (JSON.stringify(tags) !== JSON.stringify(Object.keys(found.scalars).sort())) throw new Error("other tags");
  const counts = tags.map((tag) => {
    if (JSON.stringify(found.scalars[tag]) !== JSON.stringify(expected.get(tag))) throw new Error(`${tag} differs`);
    return expected.get(tag).length;
  });
  const pictures = found.images.adversarial_examples;
  if (pictures.map(([step]) => step).join() !== "4,8,12,16") throw new Error("other pictures");
  pictures.forEach(([, , , bytes], i) => {
    const file = readFileSync(join(run, "images", `epoch-000${i + 1}.png`));
    if (bytes !== file.toString("hex")) throw new Error(`picture ${i + 1} differs`);
  });
  const count = counts.reduce((a, b) => a + b);
  console.log(
    `ok   tensorboard ${found.version}: ${count} values of ${tags.length} scalars, ${pictures.length} images`,
  );
} catch (error) {
  console.log(`FAIL tensorboard: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
