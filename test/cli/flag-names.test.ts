/** The library names its options, the command line its flags. */
import { expect, test } from "vitest";
import { withFlags } from "../../src/cli/flag-names.js";

test.each([
  ["give a larger `training.epochs`", "give a larger --epochs"],
  ["add `data.validationFraction: 0.1`", "add --validation-fraction 0.1"],
  ["set `training.clipGradientNorm: 5`", "set --set training.clipGradientNorm=5"],
  ["`route` must be main", "--route must be main"],
  ["`classMap: FILE`", "--class-map FILE"],
  ["run `advprop doctor`, or `npm test`", "run `advprop doctor`, or `npm test`"],
  ["`epsilon` is 8", "--epsilon is 8"],
  [
    '--set attack.epsilon=1: attack.epsilon must be x\n--set optimizer.lr="a b": optimizer.lr must',
    "--epsilon 1: attack.epsilon must be x\n--lr a b: optimizer.lr must",
  ],
  ["--set optimizer.decay=2: optimizer.decay must be", "--set optimizer.decay=2: optimizer.decay must be"],
  ["--set lr=1: unknown path lr.", "--set lr=1: unknown path lr."],
])("%s", (message, expected) => {
  expect(withFlags(message)).toBe(expected);
});
