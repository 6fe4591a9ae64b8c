/** What the outputs of published networks stand for: their files hold no names. */
import { imagenetSynsets } from "../evaluation/classes/imagenet.js";

/** https://www.cs.toronto.edu/~kriz/cifar.html, `batches.meta.txt`. */
const CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split(" ");

/** The names, and in words where they come from. */
export interface ClassNames {
  readonly names: readonly string[];
  readonly said: string;
}

/**
 * ImageNet's synsets of 1000 classes, CIFAR-10's names of the 10 of a network for images of 32 pixels, else numbers from 0.
 *
 * @param imageSize side of the images that the network was published for
 */
export function classNames(classes: number, imageSize: number): ClassNames {
  if (classes === 1000) return { names: imagenetSynsets(), said: "ImageNet's 1000 classes in their usual order" };
  if (classes === 10 && imageSize === 32) return { names: CIFAR10, said: "CIFAR-10's classes in their usual order" };
  const names = Array.from({ length: classes }, (_, i) => String(i));
  return { names, said: `${classes} classes, whose names the file does not hold: they are called 0 to ${classes - 1}` };
}
