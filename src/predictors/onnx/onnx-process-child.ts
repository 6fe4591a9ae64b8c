/** The child process of onnx-process.ts: it receives one question, sends one answer, and ends. */
import { AdvPropError, assert } from "../../errors.js";
import { openOnnx } from "./onnx-predictor.js";
import type { OnnxAnswer, OnnxQuestion } from "./onnx-process.js";

process.once("message", (question: OnnxQuestion) => void answer(question));

async function answer({ file, pixels, threads }: OnnxQuestion): Promise<void> {
  try {
    const { classes, imageSize, logits, close } = await openOnnx(file, { threads });
    send({ classes, logits: await logits({ pixels, height: imageSize, width: imageSize }) });
    await close();
  } catch (error) {
    if (!(error instanceof AdvPropError)) throw error;
    send({ code: error.code, message: error.message });
  }
  process.disconnect();
}

function send(message: OnnxAnswer): void {
  assert(process.send, "onnx-process-child runs as a child process");
  process.send(message);
}
