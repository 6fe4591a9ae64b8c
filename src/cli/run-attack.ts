/** Attacks from the command line: a picture of one photo, or an adversarial copy of a data set. */
import { basename } from "node:path";
import { type AttackedPhoto, type AttackPhotoOptions, attack } from "../api/attack/attack-photo.js";
import { BYTE_EPSILON } from "../api/attack/attack-rules.js";
import { type AttackSetOptions, attackSet } from "../api/attack/attack-set.js";
import { numbered, printable, shellWord } from "../errors.js";
import { imagenetWords } from "../evaluation/classes/imagenet.js";
import { attackPicture } from "../figures/attack-picture.js";
import { modelName } from "../predictors/opened.js";
import { changeRecipe, type RecipeChange, resolveRecipe } from "../recipes/resolve.js";
import { writeFileAtomic } from "../runs/atomic-file.js";
import { checkOutputFile } from "../runs/given-path.js";
import { CountLine } from "./output/count-line.js";
import { downloadProgress } from "./output/download-progress.js";
import { EvaluationReport } from "./output/evaluation-report.js";

export interface RunAttackOptions {
  readonly model: string;
  readonly photo: string;
  /** A PNG. */
  readonly to: string;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Changes of the attack's strength, the device, the precision and the threads. */
  readonly changes: readonly RecipeChange[];
  readonly options: Omit<AttackPhotoOptions, "epsilon">;
}

export async function runAttack({ model, photo, to, json, quiet, changes, options }: RunAttackOptions): Promise<void> {
  checkOutputFile("attack", to, ".png", [photo, model]);
  const progress = downloadProgress(quiet);
  const settings = settingsOf(changes);
  const { epsilon } = settings;
  const { attack: name = "pgd" } = options;
  const result = await attack(model, photo, { ...options, ...settings, onProgress: progress.show });
  progress.end([]);
  writeFileAtomic(to, await pictureOf(result, model, photo, { name, epsilon }));
  const { original: _, adversarial: __, ...facts } = result;
  console.log(json ? JSON.stringify({ file: to, attack: name, epsilon, ...facts }) : describe(result, to));
}

export interface RunAttackSetOptions {
  readonly model: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly changes: readonly RecipeChange[];
  readonly options: Omit<AttackSetOptions, "epsilon">;
}

/** Writes an adversarial copy of a data set. */
export async function runAttackSet({ model, json, quiet, changes, options }: RunAttackSetOptions): Promise<void> {
  const progress = new CountLine("images", quiet);
  const report = new EvaluationReport(quiet);
  const written = await attackSet(model, {
    ...options,
    ...settingsOf(changes),
    onProgress: (done, total) => progress.show(done, total),
    onEvent: (event) => report.show(event),
  });
  progress.end();
  const { to, images, imageSize } = written;
  const text =
    `${to} holds ${numbered(images, "attacked image")} of ${options.data}, ${imageSize} x ${imageSize} pixels each. ` +
    `Evaluate a model on them with: advprop evaluate MODEL --data ${shellWord(to)} --crop-fraction 1`;
  console.log(json ? JSON.stringify(written) : text);
}

/** The strength of the attack, the device, the precision and the threads. */
function settingsOf(changes: readonly RecipeChange[]) {
  const written = changeRecipe({}, changes);
  const { precision, device, memoryLimit } = resolveRecipe(written);
  const attack = { ...written.attack, epsilon: written.attack?.epsilon ?? BYTE_EPSILON };
  const { epsilon, stepSize, steps } = resolveRecipe({ attack }).attack as {
    readonly [key in "epsilon" | "stepSize" | "steps"]: number;
  };
  // The default number of steps is that of an evaluation, not that of the recipe.
  const isGiven = (key: string) => changes.some(({ path, value }) => path === `attack.${key}` && value !== null);
  return {
    epsilon,
    ...(isGiven("stepSize") && { stepSize }),
    ...(isGiven("steps") && { steps }),
    precision,
    device,
    memoryLimit: memoryLimit ?? undefined,
  };
}

function pictureOf(
  result: AttackedPhoto,
  model: string,
  photo: string,
  { name, epsilon }: { readonly name: string; readonly epsilon: number },
): Promise<Buffer> {
  const { route, target } = result;
  const named = (list: AttackedPhoto["routes"][number]["original"]) =>
    list.map(({ class: name, probability }) => ({ class: shown(name), probability }));
  const towards = target === undefined ? `away from ${shown(result.from)}` : `towards ${shown(target)}`;
  return attackPicture({
    ...result,
    title: `${basename(photo)}, classified by ${modelName(model)}`,
    subtitle: `${name} ${towards}; each pixel changes by at most ${bytes(epsilon)}/255`,
    epsilon: bytes(epsilon),
    routes: result.routes.map((one) => ({
      route: one.route,
      attacked: one.route === route,
      original: named(one.original),
      adversarial: named(one.adversarial),
    })),
  });
}

const bytes = (epsilon: number): number => Math.floor(255 * epsilon + 1e-6);

/** The first name of an ImageNet class in place of its synset id. */
const shown = (name: string): string => printable(imagenetWords(name)?.split(", ")[0] ?? name);

function describe({ routes, route, from, target, reached, largestChange }: AttackedPhoto, file: string): string {
  const percent = (probability: number) => `${(100 * probability).toFixed(1)} %`;
  const lines = routes.map(({ route: one, original: [before], adversarial: [after] }) => {
    const words = `${shown(before.class)} ${percent(before.probability)} -> ${shown(after.class)} ${percent(after.probability)}`;
    return `  through ${one}${one === route ? ", attacked" : ""}: ${words}`;
  });
  const aim = target === undefined ? `any class but ${shown(from)}` : shown(target);
  const outcome = reached
    ? `The attack reached its aim (${aim})`
    : `The attack did not reach its aim (${aim}): try a larger --epsilon or more --attack-steps`;
  return [`${file}: ${outcome}. Pixels change by at most ${largestChange}/255.`, ...lines].join("\n");
}
