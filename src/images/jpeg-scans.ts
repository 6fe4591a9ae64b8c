/** The scans of a JPEG. Each takes time for all pixels, so a small file of many scans could block a server for long. */

/** A progressive image has some ten, any other one for each colour. The addon has the same limit. */
export const MOST_SCANS = 100;

const [START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN] = [0xd8, 0xd9, 0xda];

/** Whether an image is a JPEG of more than {@link MOST_SCANS} scans. */
export function hasTooManyScans(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0xff || bytes[1] !== START_OF_IMAGE) return false;
  let scans = 0;
  for (let at = 2; ; ) {
    at = bytes.indexOf(0xff, at);
    if (at === -1 || at + 3 >= bytes.length) return false;
    const marker = bytes[++at];
    // Fill bytes, stuffed bytes and restart markers have no length.
    if (marker === 0xff) continue;
    at++;
    if (marker === 0 || (marker >= 0xd0 && marker <= 0xd7)) continue;
    if (marker === END_OF_IMAGE) return false;
    if (marker === START_OF_SCAN && ++scans > MOST_SCANS) return true;
    at += (bytes[at] << 8) | bytes[at + 1];
  }
}
