/** A copy of a set whose images were attacked: what transfers to other models, and what any program can read. */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { beginSet, completeSet } from "../../data/writing/set-manifest.js";
import { assert, UsageError } from "../../errors.js";
import { classRule, relabelled } from "../../evaluation/classes/class-rule.js";
import { evaluationBatchSize } from "../../evaluation/predictor.js";
import type { WhiteBoxPredictor } from "../../predictors/opened.js";
import { writeError, writeFileAtomic } from "../../runs/atomic-file.js";
import { type EvaluationOptions, machineOf, openImages, openModel } from "../evaluation/options.js";
import { checkEpsilon, classOf, refuseOnnx } from "./attack-rules.js";
import { type ByteAttackPlan, byteAttack, planByteAttack } from "./byte-attack.js";

/** The note in such a set. */
const MANIFEST = "adversarial.json";

export interface AttackSetOptions
  extends Omit<EvaluationOptions, "onnx" | "classMap" | "cropFraction" | "command" | "data"> {
  /** The folder of the images, or shapes. */
  readonly data: string;
  /** A new or an empty folder, or one in which the same set was begun. */
  readonly to: string;
  /** Most that a pixel changes, in the L-infinity norm, with pixels in [0, 1]: at least 1/255, as files hold whole bytes. */
  readonly epsilon: number;
  /** The class that the attack aims at; by default it leads away from each image's own. */
  readonly target?: string;
  /** As an evaluation names it: pgd unless given. */
  readonly attack?: string;
  /** Keys of an attack of one's own. */
  readonly parameters?: Readonly<Record<string, number>>;
  /** Steps of the attack: as in an evaluation unless given, of PGD 10. */
  readonly steps?: number;
  /** Of a step, with pixels in [0, 1]: epsilon / 4 unless given. */
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
 * Attacks every image of a part of a set, and writes it as CLASS/NAME.png of the model's image size: what the network saw, attacked.
 * Measure on it with the crop fraction 1, so that the images are taken as they are. A set that was begun is gone on with.
 *
 * @param model a run's folder or weights: all that `openWeights` opens
 * @throws UsageError ERR_ATTACK the model is an ONNX file, there is no such attack, or the set has other classes than the model; ERR_EPSILON; ERR_CLASS there is no class
 *   of the target's name; ERR_SET_EXISTS the folder holds something else, or a set made otherwise; and what `evaluate` throws
 * @throws RunError ERR_WRITE a file cannot be written
 */
export async function attackSet(model: string, options: AttackSetOptions): Promise<WrittenAdversarialSet> {
  refuseOnnx(model);
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
          "attack: a model is attacked among its own classes, and this set joins or leaves out some. Give images of the model's classes",
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
  options: AttackSetOptions & { readonly name: string; readonly plan: ByteAttackPlan },
): Promise<WrittenAdversarialSet> {
  const { to, target, plan, epsilon, parameters = {} } = options;
  const { steps = null, stepSize = null } = plan.settings as { readonly [key in "steps" | "stepSize"]?: number };
  const aim = target === undefined ? undefined : classes.indexOf(classOf(target, classes));
  const madeFrom = {
    data: options.name,
    weights: file,
    route,
    attack: plan.name,
    ...parameters,
    epsilon,
    target: target ?? null,
    steps,
    "step size": stepSize,
    seed: plan.seed,
    "image size": imageSize,
  };
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

/** CLASS/NAME.png, with the names of folders before it where another photo of the class has the same. */
function nameOf(file: string, label: string, taken: ReadonlySet<string>): string {
  const parts = file.split("/");
  for (let first = parts.length - 1; ; first--) {
    const name = join(label, `${parts.slice(first).join("-")}.png`);
    if (first <= 0 || !taken.has(name)) return name;
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw writeError(folder, cause);
  }
}
