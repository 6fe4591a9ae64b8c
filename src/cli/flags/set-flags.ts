/** Checks of flags that several commands have. */
import type { Part } from "../../data/folders/image-folder.js";
import { didYouMean, UsageError } from "../../errors.js";

/** @throws UsageError ERR_FLAG the text is not a whole number of at least `least` */
export function wholeNumber(command: string, flag: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError("ERR_FLAG", `${command}: ${flag} must be a whole number of at least ${least}; got ${text}`);
}

/** @throws UsageError ERR_FLAG the text is none of the words */
export function choice<const Words extends readonly string[]>(
  command: string,
  flag: string,
  text: string,
  words: Words,
): Words[number] {
  if (words.includes(text)) return text;
  throw new UsageError(
    "ERR_FLAG",
    `${command}: ${flag} must be one of ${words.join(", ")}; got ${text}.${didYouMean(text, words)}`,
  );
}

/** The split of a data set that is written. */
export const part = (command: string, text: string): Part =>
  choice(command, "--split", text, ["train", "validation", "test"]);
