/**
 * ONNX files of ours beside PyTorch's own export of the same weights: read by the onnx project's checker, run by onnxruntime, timed in turns.
 *
 *     npm run test:peers -- --python PYTHON [--only NAME]
 *
 * PYTHON needs torch, torchvision, efficientnet_pytorch, onnx, onnxscript and onnxruntime (docs/deploying.md has the commands). Prints a
 * line a network, and ends with exit code 1 where the checker finds something, or logits differ by more than 1e-4 of the largest. Times
 * are printed, and decide nothing.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { exportModel } from "../../dist/index.js";

const TOLERANCE = 1e-4;

const { values } = parseArgs({ options: { python: { type: "string" }, only: { type: "string", default: "" } } });
if (values.python === undefined) {
  console.error("test:peers: which Python has the libraries must be said: npm run test:peers -- --python PYTHON");
  process.exit(2);
}
const script = fileURLToPath(new URL("onnx_export.py", import.meta.url));
let failures = 0;
let said = false;
const names = run(["--list"]).trim().split("\n");
for (const name of names.filter((one) => one.includes(values.only))) {
  const folder = mkdtempSync(join(tmpdir(), "advprop-peers-"));
  try {
    run(["--make", name, "--out", folder]);
    const ours = join(folder, "ours.onnx");
    const exported = await exportModel(join(folder, `${name}.pth`), ours, {
      input: "float32-nchw",
      preset: "imagenet",
    });
    const { versions: found, milliseconds, ...differences } = JSON.parse(run(["--compare", "--out", folder]));
    const versions = Object.entries(found).map((entry) => entry.join(" "));
    if (!said) console.log(versions.join(", "));
    said = true;
    const fits = differences.ours <= TOLERANCE && exported.model === name;
    if (!fits) failures += 1;
    const times = [1, 4].map((batch) => {
      const [own, other] = ["ours", "torch"].map((which) => milliseconds[`${which}, ${batch}`]);
      return `${batch} at once: ${own.toFixed(2)} ms, PyTorch's ${other.toFixed(2)} ms (${(other / own).toFixed(2)} times)`;
    });
    console.log(
      `${fits ? "ok  " : "FAIL"} ${name.padEnd(16)} logits off by ${differences.ours.toExponential(1)}; ${times.join("; ")}`,
    );
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${name}: ${error.message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
process.exitCode = failures === 0 ? 0 : 1;

function run(args) {
  const { status, stdout, stderr } = spawnSync(values.python, ["-B", script, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${script} ${args.join(" ")}:\n${stderr}`);
  return stdout;
}
