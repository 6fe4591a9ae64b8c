/** Turns options in messages of the library into flags. Messages name options in backticks, as in \`optimizer.lr: 0.1\`. */
import { printable } from "../../errors.js";
import { ATTACK_FLAGS, SYNC_FLAG, TRAINING_FLAGS } from "./flags.js";

/** Options that are not recipe keys: their flags have the same names, written with hyphens. */
const OTHER_OPTIONS: readonly string[] = [
  "attack",
  "auxiliary",
  "budget",
  "checkpoint",
  "classMap",
  "cropFraction",
  "data",
  "format",
  "frostTextures",
  "host",
  "input",
  "json",
  "keepNorms",
  "limitTest",
  "maxBytes",
  "maxPixels",
  "maxRequests",
  "maxRestarts",
  "onnx",
  "parts",
  "port",
  "timeout",
  "preset",
  "processes",
  "published",
  "restarts",
  "folds",
  "seeds",
  "resize",
  "resume",
  "route",
  "run",
  "shardSize",
  "softmax",
  "split",
  "suite",
  "to",
  "url",
];

/**
 * A message for the terminal: flags in place of options, control characters of names as `\\u001b`, and without the name of a
 * function of the library at its beginning, which a user of the command line does not know.
 *
 * @param message for example "give a larger \`training.epochs\`, or \`data.validationFraction: 0.1\`"
 * @returns       for example "give a larger --epochs, or --validation-fraction 0.1"; other words in backticks are not changed
 */
export function withFlags(message: string): string {
  const withoutFunction = message.replace(/^[a-z]+[A-Z]\w*: /, "");
  const safe = withoutFunction.split("\n").map(printable).join("\n");
  return safe.replace(/`([A-Za-z]+(?:\.[A-Za-z]+)*)(?:: ([^`]+))?`/g, (whole, option: string, value?: string) => {
    const [, onnxKey] = /^onnx\.(\w+)$/.exec(option) ?? [];
    if (onnxKey !== undefined) return `--onnx ${onnxKey}${value === undefined ? "" : `=${value}`}`;
    const flag = flagOf(option);
    if (flag !== undefined) return value === undefined ? flag : `${flag} ${value}`;
    if (!option.includes(".")) return whole;
    return value === undefined ? `--set ${option}` : `--set ${option}=${value}`;
  });
}

function flagOf(option: string): string | undefined {
  const recipeFlag = [...TRAINING_FLAGS, ...ATTACK_FLAGS, SYNC_FLAG].find(
    ({ path }) => path === option || (!option.includes(".") && path.split(".").at(-1) === option),
  );
  if (recipeFlag !== undefined) return recipeFlag.flag.split(" ")[0];
  if (!OTHER_OPTIONS.includes(option)) return undefined;
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
