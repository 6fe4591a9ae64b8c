/** The classes of published networks, whose files contain no names. */
import { imagenetSynsets } from "../evaluation/classes/imagenet.js";

/** https://www.cs.toronto.edu/~kriz/cifar.html, `batches.meta.txt`. */
const CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split(" ");

/** The names, and a text that tells where they come from. */
export interface ClassNames {
  readonly names: readonly string[];
  readonly description: string;
}

/**
 * For 1000 classes ImageNet's synsets; for 10 classes of a network for images of 32 pixels CIFAR-10's names; else numbers from 0.
 *
 * @param imageSize side of the images for which the network was published
 */
export function classNames(classes: number, imageSize: number): ClassNames {
  if (classes === 1000)
    return { names: imagenetSynsets(), description: "ImageNet's 1000 classes in their usual order" };
  if (classes === 10 && imageSize === 32)
    return { names: CIFAR10, description: "CIFAR-10's classes in their usual order" };
  const names = Array.from({ length: classes }, (_, i) => String(i));
  return {
    names,
    description: `${classes} classes, whose names are not in the file: they are named 0 to ${classes - 1}`,
  };
}
