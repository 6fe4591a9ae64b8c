/** Accuracy where classes are of unequal size. */

/**
 * Balanced accuracy: the mean over the classes of the share of their images that is recognised (the mean recall). A
 * classifier that always names the most frequent of K classes has 1 / K, however frequent it is. Classes without images
 * are left out (Brodersen et al. 2010, "The balanced accuracy and its posterior distribution", section II).
 *
 * @param labels (N) true classes in [0, classes)
 * @param predictions (N) predicted classes
 * @returns in [0, 1]; NaN where there are no images
 */
export function balancedAccuracy(labels: ArrayLike<number>, predictions: ArrayLike<number>, classes: number): number {
  const total = new Array<number>(classes).fill(0);
  const correct = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) {
    total[labels[i]]++;
    if (predictions[i] === labels[i]) correct[labels[i]]++;
  }
  const recalls = total.flatMap((count, label) => (count === 0 ? [] : [correct[label] / count]));
  return recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length;
}
