/** The flag `--onnx KEY=VALUE`, which may be repeated. */
import { Option } from "commander";
import { UsageError } from "../../errors.js";
import type { OnnxOptions } from "../../predictors/onnx/onnx-settings.js";

export const onnxOption = (): Option =>
  new Option(
    "--onnx <key=value>",
    "what an ONNX file does not say itself: layout, imageSize, pixelRange, mean, std, classes and others; may be repeated",
  ).argParser((setting: string, earlier: readonly string[] = []) => [...earlier, setting]);

/**
 * The given settings. Their keys and values are checked where the ONNX file is opened.
 *
 * @throws ERR_PREPROCESSING one is not KEY=VALUE, or a key is given twice
 */
export function onnxOptions(given: readonly string[]): OnnxOptions {
  const entries = given.map(keyAndValue);
  const twice = entries.find(([key], i) => entries.findIndex(([other]) => other === key) !== i);
  if (twice === undefined) return Object.fromEntries(entries) as OnnxOptions;
  throw new UsageError("ERR_PREPROCESSING", `--onnx ${twice[0]} is given twice. Leave one of them out`);
}

/** Parses "mean=0.5,0.5,0.5" into ["mean", [0.5, 0.5, 0.5]]. */
function keyAndValue(text: string): [string, unknown] {
  const equals = text.indexOf("=");
  if (equals < 1) {
    throw new UsageError("ERR_PREPROCESSING", `--onnx must be KEY=VALUE, as in layout=NHWC; got ${text}`);
  }
  const [key, value] = [text.slice(0, equals), text.slice(equals + 1)];
  const number = (part: string) => (part.trim() !== "" && Number.isFinite(Number(part)) ? Number(part) : part);
  return [key, key === "mean" || key === "std" ? value.split(",").map(number) : number(value)];
}
