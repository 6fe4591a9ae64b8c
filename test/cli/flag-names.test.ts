/** Messages of the library name options; the command line turns them into flags. */
import { expect, test } from "vitest";
import { withFlags } from "../../src/cli/flags/flag-names.js";

test.each([
  ["give a larger `training.epochs`", "give a larger --epochs"],
  ["add `data.validationFraction: 0.1`", "add --validation-fraction 0.1"],
  ["set `training.clipGradientNorm: 5`", "set --set training.clipGradientNorm=5"],
  ["`route` must be main", "--route must be main"],
  ["`classMap: FILE`", "--class-map FILE"],
  ["splitPhotos: `validationFraction` must be", "--validation-fraction must be"],
  ["splitPhotos: a\nopenData: b", "a\nopenData: b"],
  ["evaluate: `split` is", "evaluate: --split is"],
  ["run `advprop doctor`, or `npm test`", "run `advprop doctor`, or `npm test`"],
  ["`epsilon` is 8", "--epsilon is 8"],
  ["give `onnx.pixelRange: 0-1`, or correct `onnx.mean`", "give --onnx pixelRange=0-1, or correct --onnx mean"],
  ["the class \u001b[2J\u0007 is\nnew", "the class \\u001b[2J\\u0007 is\nnew"],
  ["`attack.epsilon: 1`: attack.epsilon must be", "--epsilon 1: attack.epsilon must be"],
])("%s", (message, expected) => {
  expect(withFlags(message)).toBe(expected);
});
