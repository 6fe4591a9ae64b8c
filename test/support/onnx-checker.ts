/** The ONNX project's own checker, of Debian's package python3-onnx. */
import { spawnSync } from "node:child_process";

const PYTHON = "/usr/bin/python3";
const CHECK = `
import onnx, sys
for path in sys.argv[1:]:
    onnx.checker.check_model(onnx.load(path), full_check=True)
    print(path)
`;

/** Whether it is installed; where it is not, this is said once. */
export function hasChecker(): boolean {
  const found = spawnSync(PYTHON, ["-c", "import onnx"]).status === 0;
  if (!found) console.warn("no python3-onnx here: ONNX files are not checked by it (apt-get install python3-onnx)");
  return found;
}

/** Checks files with shape inference. @returns what is wrong, empty where nothing is */
export function checkOnnx(files: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(PYTHON, ["-c", CHECK, ...files], { encoding: "utf8" });
  return status === 0 && stdout.trim() === files.join("\n") ? "" : `${stdout}${stderr}`;
}
