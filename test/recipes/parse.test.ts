import { describe, expect, test } from "vitest";
import { TRAINING_ATTACKS } from "../../src/attacks/names.js";
import { parseRecipe } from "../../src/recipes/resolve.js";
import { codedError } from "../support/errors.js";

/** The messages about a text, one per mistake. */
function mistakes(text: string): string[] {
  const error = codedError(() => parseRecipe(text, "r.yaml"));
  expect(error).toMatchObject({ code: "ERR_RECIPE", exitCode: 2 });
  return error.message.split("\n");
}

describe("parseRecipe", () => {
  test("gives the recipe as written, without defaults", () => {
    const text = "# A header\nmethod: mixture\nattack: {epsilon: 2/255}\noptimizer:\n  lr: 5e-2\n";
    expect(parseRecipe(text, "r.yaml")).toEqual({
      method: "mixture",
      attack: { epsilon: "2/255" },
      optimizer: { lr: 0.05 },
    });
    expect(parseRecipe("", "r.yaml")).toEqual({});
    expect(parseRecipe("# nothing but this\n", "r.yaml")).toEqual({});
  });

  test("reports every mistake, in the order of the file, at its key or value", () => {
    const text = [
      "metod: advprop",
      "epsilon: 8",
      "optimizer:",
      "  name: sgdd",
      "attack:",
      "  epsilon: 8",
      "  stepsize: 1/255",
      "training: {epochs: ten, batchSize: 0}",
      "data: 3",
      "",
    ].join("\n");
    expect(mistakes(text)).toEqual([
      "r.yaml:1:1: unknown key metod. Did you mean method?",
      "r.yaml:2:1: unknown key epsilon. Did you mean attack.epsilon?",
      expect.stringMatching(/^r\.yaml:4:9: optimizer\.name must be .*sgd.*; got "sgdd"\. Did you mean sgd\?$/),
      "r.yaml:6:12: attack.epsilon must be in (0, 1) because pixels are in [0, 1], as a number or a fraction such as 4/255; " +
        "got 8. Did you mean 8/255?",
      "r.yaml:7:3: unknown key attack.stepsize. Did you mean stepSize?",
      'r.yaml:8:20: training.epochs must be a positive integer; got "ten".',
      "r.yaml:8:36: training.batchSize must be a positive integer or auto; got 0.",
      "r.yaml:9:7: data must be a mapping of keys to values; got 3.",
    ]);
  });

  test.each([
    ["seed: -1", "seed must be an integer in [0, 2^53); got -1."],
    ["seed: 9007199254740992", "got 9007199254740992."],
    ["method: advpropp", 'got "advpropp". Did you mean advprop?'],
    ["precision: fp16", 'precision must be fp32 or bf16; got "fp16".'],
    ["device: gpu", 'device must be auto, cpu, cuda or cuda:N; got "gpu".'],
    ["attack: { statistics: moving }", 'attack.statistics must be running or batch; got "moving".'],
    ["memoryLimit: much", 'memoryLimit must be null, a number of bytes or a size such as 12GB; got "much".'],
    ["memoryLimit: 0", "memoryLimit must be"],
    ["training: {labelSmoothing: 10}", "training.labelSmoothing must be a number in [0, 1); got 10. Did you mean 0.1?"],
    ["data: {validationFraction: 1}", "got 1. Did you mean 0.01?"],
    ["data: {augmentation: {flip: yes}}", 'data.augmentation.flip must be true or false; got "yes".'],
    ["data: {limitTrain: 0}", "data.limitTrain must be a positive integer or null; got 0."],
    ["optimizer: {lr: .inf}", "optimizer.lr must be a positive number; got Infinity."],
    ["optimizer: {lr: '0.1'}", 'optimizer.lr must be a positive number; got "0.1".'],
    ["optimizer: {name: null}", "optimizer.name must be"],
    ["optimizer: {learningRate: 1}", "unknown key optimizer.learningRate. Did you mean lr?"],
    ["learning_rate: 1", "unknown key learning_rate. Did you mean optimizer.lr?"],
    ["training: {wd: 1}", "unknown key training.wd. Did you mean optimizer.weightDecay?"],
    ["network: resnet18", "unknown key network. Did you mean model?"],
    ["optimizer: {foo: 1}", "unknown key optimizer.foo. Known here: name, lr, momentum,"],
    ["schedule: {finalFactor: 1.5}", "schedule.finalFactor must be a number in [0, 1]; got 1.5."],
    ["attack: {epsilon: 0}", "got 0."],
    [
      "attack: {epsilon: 256/255}",
      "must be in (0, 1) because pixels are in [0, 1], as a number or a fraction such as 4/255; got 256/255.",
    ],
    ["attack: {epsilon: 1}", "attack.epsilon must be in (0, 1)"],
    ["attack: {epsilon: 1}", "got 1. Did you mean 1/255?"],
    ["attack: {stepSize: 255/255}", "got 1. Did you mean 1/255?"],
    ["attack: {name: i-fgsm, stepSize: 2}", "attack.stepSize must be in (0, 1)"],
    [
      "attack: {norm: l2, epsilon: 0}",
      "attack.epsilon must be a positive number, a fraction such as 4/255, or null; got 0.",
    ],
    ["attack: {name: fgsm, steps: 3}", "unknown key attack.steps."],
    [
      "attack: {name: apgd}",
      `attack.name must be ${TRAINING_ATTACKS.slice(0, -1).join(", ")} or ${TRAINING_ATTACKS.at(-1)}; got "apgd".`,
    ],
    ["attack: {cleanStartProbability: 1.5}", "attack.cleanStartProbability must be a number in [0, 1]; got 1.5."],
    ["schedule: {warmupFraction: 5/4}", 'must be a number in [0, 1) or a fraction such as 5/350; got "5/4".'],
    ["schedule: {name: multi-step, milestones: [60, 30]}", "must be an increasing list of positive numbers"],
    ["schedule: {name: one-cycle, warmupFraction: 0}", "unknown key schedule.warmupFraction."],
    ["optimizer: {name: rmsprop, nesterov: true}", "unknown key optimizer.nesterov."],
    ["attack: {epsilon: 1/0}", 'got "1/0".'],
    ["attack: {epsilon: -1/255}", 'got "-1/255".'],
    ["attack: {steps: 1.5}", "attack.steps must be a positive integer or null; got 1.5."],
    ["attack: {target: label}", 'attack.target must be random or none; got "label".'],
    ["attack:", "attack must be a mapping of keys to values; got null."],
    ["- 1", "a recipe must be a mapping of keys to values; got [1]."],
    ["__proto__: {polluted: 1}", "unknown key __proto__."],
    ["attack: {constructor: 1}", "unknown key attack.constructor."],
  ])("refuses %s", (text, message) => {
    const found = mistakes(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  test.each([
    ["a: [1\nb: 2\n", "r.yaml:2:1: "],
    ["seed: 1\nseed: 2\n", "r.yaml:2:1: Map keys must be unique"],
    ["seed: *other\n", "Unresolved alias"],
    ["seed: 1\n---\nseed: 2\n", "multiple documents"],
  ])("says where %j is not YAML", (text, message) => {
    const error = codedError(() => parseRecipe(text, "r.yaml"));
    expect(error.code).toBe("ERR_RECIPE_SYNTAX");
    expect(error.message).toContain(message);
  });
});
