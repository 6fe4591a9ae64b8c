const NAME = "[a-zA-Z][\\w-]*";
const TAG = new RegExp(`<(/?)(${NAME})((?:\\s+[\\w:-]+="[^"<]*")*)\\s*(/?)>`, "g");

/** Throws where a page is not well-formed as XML: an element that is not closed in its place, or a stray < or &. */
export function checkWellFormed(page: string): void {
  const body = page.replace(/^<!DOCTYPE html>/, "").replace(/<style>[^<]*<\/style>/, "");
  const open: string[] = [];
  for (const [, closing, name, , single] of body.matchAll(TAG)) {
    if (single === "/") continue;
    if (closing === "") open.push(name);
    else if (open.pop() !== name) throw new Error(`</${name}> closes another element`);
  }
  if (open.length > 0) throw new Error(`${open.join(", ")} are not closed`);
  const text = body.replace(TAG, "");
  const stray = /<|&(?!(?:amp|lt|gt|quot);)/.exec(text);
  if (stray !== null) throw new Error(`a stray character: ${text.slice(stray.index, stray.index + 40)}`);
}
