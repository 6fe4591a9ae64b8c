/** Writes an adversarial copy of a data set, to measure how attacks transfer to other models, or for other programs. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { beginSet, completeSet, type MadeFrom } from "../../data/writing/set-manifest.js";
import { assert, UsageError } from "../../errors.js";
import { classRule, relabelled } from "../../evaluation/classes/class-rule.js";
import { evaluationBatchSize } from "../../evaluation/predictor.js";
import type { WhiteBoxPredictor } from "../../predictors/opened.js";
import { makeFolder, writeFileAtomic } from "../../runs/atomic-file.js";
import { type EvaluationOptions, machineOf, openImages, openModel } from "../evaluation/options.js";
import { BYTE_EPSILON, checkEpsilon, classOf, refuseOnnx } from "./attack-rules.js";
import { type ByteAttackPlan, byteAttack, planByteAttack } from "./byte-attack.js";

/** The file in the new data set that describes how it was made. */
const MANIFEST = "adversarial.json";

export interface AttackSetOptions
  extends Omit<EvaluationOptions, "onnx" | "classMap" | "cropFraction" | "command" | "data"> {
  /** The folder of the images, or shapes. */
  readonly data: string;
  /** A new or empty folder, or a folder in which the same copy was begun. */
  readonly to: string;
  /** Largest change of a pixel (L-infinity norm), with pixels in [0, 1]; by default 4/255. At least 1/255, because files hold whole bytes. */
  readonly epsilon?: number;
  /** The target class; by default the attack is untargeted, away from each image's own class. */
  readonly target?: string;
  /** The name of the attack, as in an evaluation; by default pgd. */
  readonly attack?: string;
  /**
   * Other keys of the attack: the own keys of a registered attack, and of the others `randomStart`, `cleanStartProbability` and
   * `labelSmoothing` where the attack has them.
   */
  readonly parameters?: Readonly<Record<string, number | boolean>>;
  /** Number of steps; by default that of an evaluation, which is 10 for PGD. */
  readonly steps?: number;
  /** Step size, with pixels in [0, 1]; by default epsilon / 4. */
  readonly stepSize?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What was written. */
export interface WrittenAdversarialSet {
  readonly to: string;
  readonly images: number;
  /** Side of the images in pixels. */
  readonly imageSize: number;
}

/**
 * Attacks every image of a split of a data set, as the network sees it, and writes it as CLASS/NAME.png in the model's image
 * size. Evaluate on the copy with the crop fraction 1, so that the images are not cropped again. An interrupted copy is continued.
 *
 * @param model a run's folder or weights: anything that `openWeights` opens
 * @throws UsageError ERR_ATTACK the model is an ONNX file, there is no such attack, a parameter has no effect on it, or the model has other
 *   classes than the data set; ERR_EPSILON; ERR_CLASS there is no class with the target's name; ERR_SET_EXISTS the folder holds other
 *   files, or a copy made with other settings; and what `evaluate` throws
 * @throws RunError ERR_WRITE a file cannot be written
 */
export async function attackSet(model: string, given: AttackSetOptions): Promise<WrittenAdversarialSet> {
  refuseOnnx(model);
  const options = { ...given, epsilon: given.epsilon ?? BYTE_EPSILON };
  checkEpsilon(options.epsilon);
  const plan = planByteAttack(options); // refused before anything is opened
  const machine = machineOf(options);
  const predictor = await openModel(model, options, machine);
  try {
    assert(predictor.access === "white-box", "weights give gradients");
    const data = await openImages(predictor, options, machine);
    try {
      const rule = classRule(predictor.classes, data);
      if (rule.columns !== undefined) {
        throw new UsageError(
          "ERR_ATTACK",
          "attack: the attack needs all classes of the model, and this data set joins or leaves out some. Give images of the model's classes",
        );
      }
      return await write(predictor, relabelled(data.images, rule), { ...options, name: data.name, plan });
    } finally {
      await data.close();
    }
  } finally {
    await predictor.close();
  }
}

type Images = ReturnType<typeof relabelled>;

async function write(
  { classifier, route, imageSize, file, classes }: WhiteBoxPredictor,
  images: Images,
  options: AttackSetOptions & { readonly epsilon: number; readonly name: string; readonly plan: ByteAttackPlan },
): Promise<WrittenAdversarialSet> {
  const { to, target, plan, epsilon } = options;
  // The settings of GD have a radius, which does not apply: the rounding to bytes keeps every image within epsilon.
  const { name, ...settings } = "name" in plan.attack ? plan.attack : plan.settings;
  const aim = target === undefined ? undefined : classes.indexOf(classOf(target, classes));
  const madeFrom = {
    data: options.name,
    weights: file,
    route,
    attack: name,
    ...settings,
    target: target ?? null,
    seed: plan.seed,
    "image size": imageSize,
  } as MadeFrom;
  beginSet(to, MANIFEST, madeFrom, classes);
  const perturb = byteAttack({ classifier, route }, plan, epsilon, aim !== undefined);
  const bytes = imageSize * imageSize * 3;
  const taken = new Set<string>();
  let done = 0;
  for await (const batch of images.batches(evaluationBatchSize(imageSize))) {
    const paths = Array.from(batch.samples, (sample, i) => {
      const name = nameOf(images.fileOf?.(sample) ?? String(sample).padStart(5, "0"), classes[batch.labels[i]], taken);
      taken.add(name);
      return join(to, name);
    });
    if (!paths.every((path) => existsSync(path))) {
      const labels = aim === undefined ? batch.labels : batch.labels.map(() => aim);
      const pixels = perturb({ ...batch, labels });
      for (const [i, path] of paths.entries()) {
        const raw = { width: imageSize, height: imageSize, channels: 3 } as const;
        const png = await sharp(pixels.subarray(i * bytes, (i + 1) * bytes), { raw })
          .png()
          .toBuffer();
        makeFolder(dirname(path));
        writeFileAtomic(path, png, { flush: false });
      }
    }
    done += paths.length;
    options.onProgress?.(done, images.length);
  }
  completeSet(to, MANIFEST);
  return { to, images: done, imageSize };
}

/** CLASS/NAME.png. If another photo of the class has the same name, folder names are put before it. */
function nameOf(file: string, label: string, taken: ReadonlySet<string>): string {
  const parts = file.split("/");
  for (let first = parts.length - 1; ; first--) {
    const name = join(label, `${parts.slice(first).join("-")}.png`);
    if (first <= 0 || !taken.has(name)) return name;
  }
}
