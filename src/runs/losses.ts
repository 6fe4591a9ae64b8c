/** The losses of a record of metrics.jsonl. */

/** The loss through the main batch norms comes first; fine-grained AdvProp names it after the route. */
export const lossRank = (name: string): number =>
  name === "cleanLoss" || name === "mainLoss" ? 0 : name === "adversarialLoss" ? 1 : 2;

/** The names of losses among those of a record's fields, by rank. */
export const lossesOf = (fields: readonly string[]): string[] =>
  fields.filter((name) => name.endsWith("Loss")).sort((a, b) => lossRank(a) - lossRank(b));
