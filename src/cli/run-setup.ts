/** `advprop setup`: installs system packages, builds the engine and installs ONNX Runtime, each only if it is missing. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError, buildNative } from "../../scripts/build-native.mjs";
import { findLibtorch, LibtorchError } from "../../scripts/find-libtorch.mjs";
import { ENGINE_REMEDY, engineFolder, onnxRuntimeFolder, onnxRuntimeVersion, ROOT } from "../../scripts/places.mjs";
import { findOnnxRuntime } from "../predictors/onnx/onnx-runtime.js";

/**
 * Installs what is missing, and reports each step. If the engine fails, ONNX Runtime is installed all the same.
 *
 * @returns whether everything is installed now
 */
export function setUp(say: (line: string) => void): boolean {
  const engine = setUpEngine(say);
  const onnx = setUpOnnxRuntime(say);
  if (engine && onnx) say("Setup is complete. To check this machine: npx advprop doctor");
  return engine && onnx;
}

function setUpEngine(say: (line: string) => void): boolean {
  if (process.platform !== "linux") {
    say(`advprop: ${ENGINE_REMEDY}.`);
    return false;
  }
  // The script prints what it installs and what is missing.
  const { status, error } = spawnSync("bash", [join(ROOT, "scripts/system-packages")], { stdio: "inherit" });
  if (error) say(`advprop: setup needs bash: ${error.message}`);
  if (status !== 0) return false;
  try {
    buildNative(findLibtorch());
    say(`The engine is in ${engineFolder()}.`);
    return true;
  } catch (error) {
    // A folder that cannot be written, for example.
    const ofSystem = error instanceof Error && "syscall" in error;
    if (!(ofSystem || error instanceof BuildError || error instanceof LibtorchError)) throw error;
    say(`advprop: ${error.message}`);
    return false;
  }
}

function setUpOnnxRuntime(say: (line: string) => void): boolean {
  if (findOnnxRuntime() !== undefined) return true;
  const folder = onnxRuntimeFolder();
  const version = onnxRuntimeVersion();
  say(`Installing ONNX Runtime ${version} into ${folder}`);
  // The folder is renamed at the end, so that an interrupted installation never looks complete.
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  writeFileSync(join(fresh, "package.json"), '{ "private": true }\n');
  // The package's install script would download several hundred megabytes of GPU libraries.
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", `onnxruntime-node@${version}`];
  const shell = process.platform === "win32"; // npm is a batch file there
  const { status, error, stderr } = spawnSync("npm", args, { cwd: fresh, encoding: "utf8", shell });
  if (status !== 0 || !existsSync(join(fresh, "node_modules/onnxruntime-node"))) {
    say(`advprop: ONNX Runtime was not installed: npm ${args.join(" ")} failed.\n${error?.message ?? stderr}`);
    return false;
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return true;
}
