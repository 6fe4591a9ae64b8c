/** An attack of one's own in a recipe and an evaluation: its name, its own keys, and what is refused. */
import { describe, expect, test } from "vitest";
import { planAttack } from "../../src/api/evaluation/attack.js";
import { attackGradients, createAttack } from "../../src/attacks/create.js";
import { type OwnAttackOptions, registerAttack } from "../../src/attacks/registered.js";
import { changeRecipe, parseRecipe, resolveRecipe, stringifyRecipe } from "../../src/recipes/resolve.js";
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
  [{ name: "own" }, "there is an attack own already"],
  [{ name: "pgd" }, "there is an attack pgd already"],
  [{ name: "autoattack" }, "there is an attack autoattack already"],
  [{ name: "a b" }, "must be of letters, digits, hyphens, dots and underscores"],
  [{ name: "next", parameters: { steps: 3 } }, "a parameter must be a word that is none of name, norm"],
  [{ name: "next", parameters: { decay: Number.NaN } }, "the default of decay must be a number; got NaN"],
])("registerAttack refuses %j", (attack, message) => {
  const create = () => ({ perturb: () => expect.unreachable() });
  expect(codedError(() => registerAttack({ ...attack, create })).message).toContain(message);
});

test("an evaluation lists the attacks that there are", () => {
  const wrong = { name: "owm" as typeof name };
  expect(codedError(() => planAttack(wrong)).message).toMatch(/no attack owm\. Did you mean own\? .*fgsm, own\./);
});
