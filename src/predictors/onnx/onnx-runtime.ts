/**
 * Finds and loads ONNX Runtime, an optional package. It is not a dependency, because npm would run its install script, which downloads
 * libraries for GPUs from another server. `advprop setup` installs it without that script.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { onnxRuntimeFolder, onnxRuntimeVersion, SETUP } from "../../../scripts/places.mjs";
import { UsageError } from "../../errors.js";

export type OnnxRuntime = typeof import("onnxruntime-node");

/** The path of ONNX Runtime: that of the project, else the one that `advprop setup` installed; undefined if there is neither. */
export function findOnnxRuntime(): string | undefined {
  for (const from of [import.meta.url, join(onnxRuntimeFolder(), "package.json")]) {
    try {
      return createRequire(from).resolve("onnxruntime-node");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return undefined;
}

/**
 * Loads ONNX Runtime. Its telemetry is turned off, unless the environment variable ORT_DISABLE_TELEMETRY is set already.
 *
 * @throws ERR_ONNX_RUNTIME it is not installed, or does not load on this system
 */
export function loadOnnxRuntime(): OnnxRuntime {
  const path = findOnnxRuntime();
  if (path === undefined) {
    throw new UsageError(
      "ERR_ONNX_RUNTIME",
      `ONNX files need ONNX Runtime, which is not installed. Run: ${SETUP}, or in your project: ` +
        `npm install --ignore-scripts onnxruntime-node@${onnxRuntimeVersion()}`,
    );
  }
  // From 1.29 on it would write an identifier into the user's cache folder and send events to Microsoft
  // (https://github.com/microsoft/onnxruntime/pull/27379). It reads this variable once, when it is loaded.
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
  try {
    return createRequire(import.meta.url)(path) as OnnxRuntime;
  } catch (cause) {
    throw new UsageError("ERR_ONNX_RUNTIME", `ONNX Runtime (${path}) does not load: ${(cause as Error).message}`, {
      cause,
    });
  }
}
