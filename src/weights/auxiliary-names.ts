/** Renames the auxiliary batch norms of other code bases to the names here: `<bn>.weight`, `<bn>.aux_bn.<k>.weight`. */

interface Variant {
  readonly what: string;
  /** Matches a name of an auxiliary norm that only this code base uses. */
  readonly auxiliary: RegExp;
  readonly rename: (name: string) => string;
}

const FIELD = "(weight|bias|running_mean|running_var|num_batches_tracked)$";

const VARIANTS: readonly Variant[] = [
  {
    // https://github.com/tingxueronghua/pytorch-classification-advprop, https://github.com/meijieru/fast_advprop and
    // https://github.com/LiYingwei/ShapeTextureDebiasedTraining: one auxiliary norm, without an index.
    what: "the auxiliary norms of PyTorch AdvProp and Fast AdvProp (aux_bn)",
    auxiliary: new RegExp(`\\.aux_bn\\.${FIELD}`),
    rename: (name) => name.replace(new RegExp(`\\.aux_bn\\.${FIELD}`), ".aux_bn.0.$1"),
  },
  {
    // https://github.com/VITA-Group/AugMax, models/cifar10/resnet_DuBN.py
    what: "the dual norms of AugMax (bn.0 and bn.1)",
    auxiliary: new RegExp(`\\.bn\\.1\\.${FIELD}`),
    rename: (name) =>
      name
        .replace(new RegExp(`\\.bn\\.0\\.${FIELD}`), ".$1")
        .replace(new RegExp(`\\.bn\\.1\\.${FIELD}`), ".aux_bn.0.$1"),
  },
  {
    // https://github.com/VITA-Group/Once-for-All-Adversarial-Training, models/DualBN.py
    what: "the dual norms of once-for-all adversarial training (BN_c and BN_a)",
    auxiliary: /\.BN_a\./,
    rename: (name) => name.replace(".BN_c.", ".").replace(".BN_a.", ".aux_bn.0."),
  },
];

/** Tensors with the names of auxiliary norms here, and the number of sets of auxiliary norms. */
export function renameAuxiliary<T>(tensors: ReadonlyMap<string, T>): {
  readonly tensors: ReadonlyMap<string, T>;
  readonly sets: number;
  /** The code base of the old names; undefined for timm, whose names are the same as here, and without auxiliary norms. */
  readonly what: string | undefined;
} {
  const names = [...tensors.keys()];
  const variant = VARIANTS.find(({ auxiliary }) => names.some((name) => auxiliary.test(name)));
  const renamed =
    variant === undefined ? tensors : new Map(Array.from(tensors, ([name, one]) => [variant.rename(name), one]));
  const indices = Array.from(renamed.keys(), (name) => Number(/\.aux_bn\.(\d+)\./.exec(name)?.[1] ?? -1));
  return {
    tensors: renamed,
    sets: 1 + indices.reduce((most, index) => Math.max(most, index), -1),
    what: variant?.what,
  };
}
