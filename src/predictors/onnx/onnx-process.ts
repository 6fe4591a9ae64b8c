/** Runs an ONNX file in a separate process, so that ONNX Runtime cannot conflict with other libraries of this program. */
import { fork } from "node:child_process";
import { existsSync } from "node:fs";
import { RunError, UsageError } from "../../errors.js";

/** The message to the child process. */
export interface OnnxQuestion {
  readonly file: string;
  /** (N, S, S, 3) */
  readonly pixels: Uint8Array;
  readonly threads: number;
}

/** The answer of the child process. */
export type OnnxAnswer =
  | { readonly classes: readonly string[]; readonly logits: Float32Array }
  | { readonly code: string; readonly message: string };

/**
 * Opens an ONNX file as {@link openOnnx} does, with the settings in its metadata, and classifies images.
 *
 * @param pixels (N, S, S, 3), S the file's image size
 * @returns its classes, and logits (N, K)
 * @throws what {@link openOnnx} throws; RunError ERR_ONNX the process ended without an answer
 */
export async function answersOf(
  file: string,
  pixels: Uint8Array,
  threads: number,
): Promise<{ readonly classes: readonly string[]; readonly logits: Float32Array }> {
  const beside = new URL("./onnx-process-child.js", import.meta.url);
  // If this file runs from its source, as in the tests, the compiled child is in dist/.
  const module = existsSync(beside)
    ? beside
    : new URL("../../../dist/predictors/onnx/onnx-process-child.js", import.meta.url);
  const child = fork(module, { serialization: "advanced", execArgv: [], stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let stderrText = "";
  child.stderr?.on("data", (text) => {
    stderrText += text;
  });
  const answer = await new Promise<OnnxAnswer | undefined>((settle) => {
    child.once("message", (message) => settle(message as OnnxAnswer));
    child.once("error", ({ message }) => settle({ code: "ERR_ONNX", message }));
    child.once("close", () => settle(undefined));
    child.send({ file, pixels, threads } satisfies OnnxQuestion);
  });
  if (answer === undefined) {
    throw new RunError(
      "ERR_ONNX",
      `${file}: the process that runs ONNX Runtime ended without an answer. ${stderrText.trim()}`,
    );
  }
  if ("code" in answer) throw new UsageError(answer.code, answer.message);
  return answer;
}
