/** Names in a sentence. */

/** Names that are written out. */
const SHOWN_NAMES = 10;

/** "a, b, c", of many the first ones and how many more there are. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).join(", ");
  return names.length > SHOWN_NAMES ? `${shown} and ${names.length - SHOWN_NAMES} more` : shown;
}
