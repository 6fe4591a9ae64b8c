/** The result of one attack. */
export interface AttackOutcome {
  readonly name: string;
  /** Number of images that it attacked: those that were still classified correctly. */
  readonly attacked: number;
  /** Number of images that it broke: verified to be inside the ball and misclassified. */
  readonly broken: number;
  /** Number of images that it returned outside the ball or outside [0, 1], or with NaN. They never count as broken. */
  readonly outside: number;
  /** Share of all images that are classified correctly after this attack and the ones before it. */
  readonly accuracy: number;
  readonly seconds: number;
}
