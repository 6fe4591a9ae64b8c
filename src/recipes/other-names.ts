/** Names of recipe keys in other programs. "Did you mean" hints use them, because similar spelling would not find them. */

/** The other names of each key, in lower case without hyphens and underscores. */
export const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  model: ["arch", "architecture", "backbone", "net", "network"],
  device: ["gpu", "gpus", "accelerator"],
  precision: ["amp", "dtype", "fp16", "mixedprecision"],
  threads: ["numthreads"],
  seed: ["randomseed"],
  path: ["datadir", "datapath", "dataset", "datasetdir", "root"],
  imageSize: ["cropsize", "imgsize", "imgsz", "inputsize", "resolution", "size"],
  workers: ["numworkers"],
  flip: ["hflip", "horizontalflip", "mirror"],
  crop: ["padding"],
  autoAugment: ["aa", "augmix", "trivialaugment"],
  randAugment: ["ra"],
  colorJitter: ["jitter"],
  randomErasing: ["erasing", "reprob"],
  validationFraction: ["valfraction", "validationsplit", "valsplit"],
  weights: ["checkpoint", "initcheckpoint", "pretrained"],
  frozenStages: ["freeze", "frozen"],
  layerDecay: ["llrd", "layerwisedecay", "layerwiselrdecay", "lrlayerdecay"],
  epochs: ["maxepochs", "numepochs", "numtrainepochs"],
  batchSize: ["batch", "bs", "minibatch", "perdevicetrainbatchsize"],
  labelSmoothing: ["smoothing"],
  mixup: ["mixupalpha"],
  cutmix: ["cutmixalpha"],
  clipGradientNorm: ["clip", "clipgrad", "clipgradnorm", "clipnorm", "gradclip", "gradientclipping", "maxgradnorm"],
  accumulationSteps: ["accumulate", "gradaccum", "gradaccumsteps", "gradientaccumulation"],
  averageDecay: ["ema", "emadecay", "modelema"],
  recompute: ["checkpointing", "gradientcheckpointing", "remat"],
  logEverySteps: ["loginterval", "logsteps"],
  checkpointEverySteps: ["saveevery", "saveinterval", "savesteps"],
  earlyStoppingEpochs: ["earlystopping", "patience"],
  lr: ["baselr", "eta", "initiallr", "learningrate", "maxlr"],
  weightDecay: ["l2", "wd"],
  beta1: ["betas"],
  epsilon: ["eps"],
  stepSize: ["alpha"],
  steps: ["attackiters", "iterations", "iters", "niter", "numsteps"],
  randomStart: ["randominit", "randstart"],
  warmupFraction: ["warmup", "warmupepochs", "warmupratio", "warmupsteps"],
  finalFactor: ["etamin", "minlr"],
  name: ["kind", "type"],
};

const USUAL: ReadonlyMap<string, string> = new Map(
  Object.entries(OTHER_NAMES).flatMap(([key, names]) => names.map((name) => [name, key] as const)),
);

/** The key for a name of another program, such as "lr" for "learning_rate"; undefined for other words. */
export const usualKey = (word: string): string | undefined => USUAL.get(word.toLowerCase().replace(/[-_]/g, ""));
