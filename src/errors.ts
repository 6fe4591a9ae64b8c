/**
 * The error classes of the library. A user mistake is a coded error whose message names the function, the argument,
 * the rule, the value and the likely fix; a mistake of ours is a plain `Error` from {@link assert}.
 */

/** An error that a user can act on. `code` is stable across releases; the command line prints it without a stack. */
export class AdvPropError extends Error {
  readonly code: string;
  /** Exit code of the command line: 2 for misuse, 1 for a run that failed. */
  readonly exitCode: 1 | 2 = 1;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A bad argument, flag, recipe or file: nothing was started and nothing was changed. Exit code 2. */
export class UsageError extends AdvPropError {
  override readonly exitCode = 2;
}

/** Something went wrong while working: a loss that is not finite, a full disk, a memory limit. Exit code 1. */
export class RunError extends AdvPropError {
  override readonly exitCode = 1;
}

/** Checks what only a mistake in this library can break. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`advprop internal error: ${message}`);
}

/**
 * Checks an argument that must be text, such as a path. A caller in JavaScript can pass anything.
 *
 * @param what the argument, for the message
 * @throws UsageError ERR_ARGUMENT where it is not text
 */
export function checkText(value: unknown, what: string): void {
  if (typeof value === "string") return;
  const hint = value instanceof URL ? " For a file URL, give fileURLToPath(url) of node:url." : "";
  throw new UsageError(
    "ERR_ARGUMENT",
    `${what} must be text; got ${value instanceof URL ? "a URL" : value === null ? "null" : typeof value}.${hint}`,
  );
}

/**
 * The known word nearest to a misspelt one, for "did you mean" hints. A caller in JavaScript can pass other values than text.
 *
 * @returns the candidate with the smallest Levenshtein distance, or undefined where none is closer than half the word
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  const sought = String(word).toLowerCase();
  let bestDistance = Math.max(2, Math.ceil(sought.length / 2));
  for (const candidate of candidates) {
    const distance = levenshtein(sought, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** " Did you mean X?" where a candidate is near, else an empty string. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const candidate = nearest(word, candidates);
  return candidate === undefined ? "" : ` Did you mean ${candidate}?`;
}

function levenshtein(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j] + 1, current[j - 1] + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length];
}

/** Control characters, and halves of characters: what must not reach a terminal as it is. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** A name for a message: control characters are written as `\\u000a`. */
export const printable = (name: string): string =>
  name.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** A word of a command that a user can paste into a POSIX shell. It has quotes only where the shell would read it in another way. */
export const shellWord = (word: string): string =>
  /^[\p{L}\p{M}\p{N}_@%+=:,./-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** "1 photo", "2 photos". */
export const numbered = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : plural}`;

/** Names for a message, "a, b, c" or "a, b, c and 7 more", at most ten of them written out unless told. */
export function listed(names: readonly string[], shown = 10): string {
  const first = names.slice(0, shown).map(printable).join(", ");
  return names.length > shown ? `${first} and ${names.length - shown} more` : first;
}
