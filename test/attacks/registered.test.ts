/** An attack of one's own in a recipe and an evaluation: its name, its own keys, and what is refused. */
import { describe, expect, test } from "vitest";
import { planAttack } from "../../src/api/evaluation/attack.js";
import type { Attack } from "../../src/attacks/attack.js";
import { attackGradients, createAttack } from "../../src/attacks/create.js";
import { evaluatedAttack } from "../../src/attacks/evaluation/auto-attack.js";
import { type OwnAttack, type OwnAttackOptions, registerAttack } from "../../src/attacks/registered.js";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK } from "../../src/nn/context.js";
import { changeRecipe, parseRecipe, resolveRecipe, stringifyRecipe } from "../../src/recipes/resolve.js";
import { scope, type Tensor } from "../../src/tensor/index.js";
import { add, sum } from "../../src/tensor/operators.js";
import { batchFromPixels } from "../../src/training/methods/step.js";
import { codedError } from "../support/errors.js";

let made: OwnAttackOptions | undefined;
const name = registerAttack({
  name: "own",
  parameters: { decay: 1, power: 2 },
  gradients: ({ steps, parameters: { power } }) => steps * power,
  create(options) {
    made = options;
    return { perturb: (_, images) => images };
  },
});

describe("in a recipe", () => {
  test("it has the keys of PGD and its own, and is the same when it is read again", () => {
    const recipe = resolveRecipe(
      parseRecipe("attack: {name: own, decay: 0.5, epsilon: 2/255, target: none}", "r.yaml"),
    );
    expect(recipe.attack).toMatchObject({
      name: "own",
      decay: 0.5,
      power: 2,
      steps: 3,
      stepSize: 1 / 255,
      target: "none",
    });
    expect(resolveRecipe(parseRecipe(stringifyRecipe(recipe), "saved.yaml"))).toEqual(recipe);
  });

  test("another attack takes what it has too", () => {
    const written = { attack: { name, decay: 0.5, epsilon: "2/255" } } as const;
    const changed = changeRecipe(written, [{ path: "attack.name", value: "fgsm" }]);
    expect(changed.attack).toEqual({ name: "fgsm", epsilon: "2/255" });
    expect(changeRecipe(changed, [{ path: "attack.name", value: "own" }]).attack).toEqual({ name, epsilon: "2/255" });
  });

  test.each([
    ["attack: {name: own, mu: 1}", /unknown key attack\.mu\. The keys of own are norm, epsilon, .*, decay, power\.$/],
    ["attack: {name: own, decay: high}", /attack\.decay must be a number; got "high"\.$/],
    ["attack: {name: pgd, decay: 1}", /unknown key attack\.decay\./],
    ["attack: {name: owm}", /must be pgd, i-fgsm, gd, fgsm or own; got "owm"\. Did you mean own\?/],
    ["attack: {name: other}", /give the file that registers it with `parts`\.$/],
  ])("%s is refused", (text, message) => {
    expect(codedError(() => parseRecipe(text, "r.yaml")).message).toMatch(message);
  });
});

test("it is created with the values that are given, and the defaults of the others", () => {
  const { attack, settings } = planAttack({ name, decay: 0.5, epsilon: "4/255", steps: 4 });
  expect(settings).toMatchObject({ name: "own", decay: 0.5, power: 2, epsilon: 4 / 255, steps: 4, target: "none" });
  if (!("name" in attack) || attack.name !== name) throw new Error("an attack of one's own is created by its name");
  createAttack({ ...attack, target: "given" });
  expect(made).toMatchObject({ target: "given", labelSmoothing: 0, parameters: { decay: 0.5, power: 2 } });
  expect(attackGradients(attack)).toBe(8);
});

test.each([
  [{ name: "own" }, "an attack own exists already"],
  [{ name: "pgd" }, "an attack pgd exists already"],
  [{ name: "autoattack" }, "an attack autoattack exists already"],
  [{ name: "a b" }, "must be of letters, digits, hyphens, dots and underscores"],
  [{ name: "next", parameters: { steps: 3 } }, "a parameter must be a word that is none of name, norm"],
  [{ name: "next", parameters: { decay: Number.NaN } }, "the default of decay must be a number; got NaN"],
  [{ name: "next", create: undefined }, "next must have a function `create`; got undefined"],
])("registerAttack refuses %j", (attack, message) => {
  const create = () => ({ perturb: () => expect.unreachable() });
  expect(codedError(() => registerAttack({ create, ...attack } as OwnAttack)).message).toContain(message);
});

test("an evaluation lists the attacks that there are", () => {
  const wrong = { name: "owm" as typeof name };
  expect(codedError(() => planAttack(wrong)).message).toMatch(/no attack owm\. Did you mean own\? .*fgsm, own\./);
});

describe("on images", () => {
  const model = createClassifier("resnet8", { classes: ["a", "b", "c"], routes: [] }).initialize(0);
  const batch = batchFromPixels(
    {
      pixels: new Uint8Array(2 * 32 * 32 * 3).fill(128),
      height: 32,
      width: 32,
      labels: Int32Array.of(0, 1),
      samples: Uint32Array.of(0, 1),
    },
    { seed: 0, epoch: 0 },
    "cpu",
  );
  const logits = (x: Tensor) => model.forward(x, { ...ATTACK, route: "main" });
  const options = {
    norm: "linf",
    epsilon: 1 / 255,
    stepSize: 1 / 255,
    steps: 1,
    target: "none",
    randomStart: false,
  } as const;
  const perturbed = (own: string, evaluated = false) => {
    const chosen = { ...options, cleanStartProbability: 0, name: own as unknown as typeof name };
    const attack = evaluated ? evaluatedAttack(chosen) : createAttack(chosen);
    return scope(() => attack.perturb(logits, batch.images, batch.labels, batch.keys).toNumbers());
  };

  test("an evaluation takes its result, whatever else it asks the network about", () => {
    registerAttack({
      name: "looks-ahead",
      create: () => ({
        perturb: (network, images) => {
          network(add(images, 0.5)); // far outside of the ball
          return add(images, 1 / 255);
        },
      }),
    });
    const result = perturbed("looks-ahead", true);
    for (const value of result) expect(value).toBeCloseTo(129 / 255, 5);
  });

  test.each([
    ["no-tensor", () => undefined, "got undefined"],
    ["async", async (_: unknown, images: Tensor) => images, "got a Promise: it must not be async"],
    [
      "grey",
      (_: unknown, images: Tensor) => sum(images, [1], true),
      "the images' shape, [2, 3, 32, 32]; got [2, 1, 32, 32]",
    ],
  ])("%s is no result", (own, perturb, message) => {
    registerAttack({ name: own, create: () => ({ perturb }) as unknown as Attack });
    expect(codedError(() => perturbed(own)).message).toContain(message);
  });
});
