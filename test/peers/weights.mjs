/**
 * Networks of timm, torchvision and efficientnet_pytorch, saved by these libraries in each container, give the same logits here.
 *
 *     npm run test:peers -- --python PYTHON [--only NAME]
 *
 * PYTHON needs torch, torchvision, timm, efficientnet_pytorch and safetensors (docs/deploying.md has the commands). Prints a line a file, and
 * ends with exit code 1 where one does not fit, or its logits differ by more than 1e-4 of the largest.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { EVAL, scope } from "../../dist/engine.js";
import { createClassifier } from "../../dist/models/registry.js";
import { fromSafetensor, loadState } from "../../dist/models/weights.js";
import { decodeSafetensors } from "../../dist/runs/safetensors.js";
import { openWeights } from "../../dist/weights/open.js";

const TOLERANCE = 1e-4;
const CONTAINERS = [".pth", ".pth.tar", "-ema.pth", ".safetensors"];

const { values } = parseArgs({ options: { python: { type: "string" }, only: { type: "string", default: "" } } });
if (values.python === undefined) {
  console.error("test:peers: which Python has the libraries must be said: npm run test:peers -- --python PYTHON");
  process.exit(2);
}
const names = new Set();
const folder = mkdtempSync(join(tmpdir(), "advprop-peers-"));
let failures = 0;
try {
  // One network at a time: the files of all would take many gigabytes.
  const script = fileURLToPath(new URL("weights.py", import.meta.url));
  const list = run(script, ["--list"]).trim().split("\n");
  for (const name of list.filter((one) => one.includes(values.only))) {
    run(script, ["--out", folder, "--name", name]);
    const { versions, model, logits } = JSON.parse(readFileSync(join(folder, "logits.json"), "utf8"));
    if (names.size === 0)
      console.log(
        Object.entries(versions)
          .map((entry) => entry.join(" "))
          .join(", "),
      );
    names.add(name);
    const { tensors } = decodeSafetensors(readFileSync(join(folder, "images.safetensors")));
    for (const container of CONTAINERS) {
      const path = join(folder, name + container);
      try {
        const difference = await compare(path, model, tensors.get("pixels"), logits);
        const fits = difference <= TOLERANCE;
        if (!fits) failures += 1;
        console.log(
          `${fits ? "ok  " : "FAIL"} ${(name + container).padEnd(36)} ${model.padEnd(20)} ${difference.toExponential(1)}`,
        );
      } catch (error) {
        failures += 1;
        console.log(`FAIL ${name + container}: ${error.message}`);
      }
      rmSync(path, { force: true });
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${names.size} networks in ${CONTAINERS.length} containers each, ${failures} failed`);
process.exitCode = failures === 0 && names.size > 0 ? 0 : 1;

/** The largest difference of the logits as a share of the largest logit. */
async function compare(path, model, pixels, expected) {
  const { specification, tensors } = await openWeights(path);
  if (specification.name !== model) throw new Error(`recognised as ${specification.name}, is ${model}`);
  const classifier = createClassifier(specification.name, specification).initialize(0);
  loadState(classifier.network.state(), tensors, path);
  const logits = scope(() => classifier.forward(fromSafetensor(pixels), { ...EVAL, route: "main" }).toNumbers());
  for (const tensor of classifier.network.state().values()) tensor.dispose();
  const all = expected.flat();
  const largest = Math.max(...all.map(Math.abs));
  return Math.max(...all.map((value, i) => Math.abs(value - logits[i]))) / largest;
}

function run(script, args) {
  const { status, stdout, stderr } = spawnSync(values.python, ["-B", script, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${script} ${args.join(" ")}:\n${stderr}`);
  return stdout;
}
