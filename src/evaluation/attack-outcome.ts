/** What one attack did. */
export interface AttackOutcome {
  readonly name: string;
  /** Images that it was given: those still right. */
  readonly attacked: number;
  /** Images that it broke: verified, inside the ball and misclassified. */
  readonly broken: number;
  /** Images that it gave back outside the ball or outside [0, 1], or not as numbers: never counted as broken. */
  readonly outside: number;
  /** Share of all images that are right after this attack and those before it. */
  readonly accuracy: number;
  readonly seconds: number;
}
