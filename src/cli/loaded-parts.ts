/** The files of parts that a command was given, for the commands that it advises. */

import { relative } from "node:path";
import { shellWord } from "../errors.js";
import { filesOfParts } from "../parts.js";
import { registeredParts } from "../registered-parts.js";

/** " --parts FILE" for each file that is loaded. */
export const loadedPartsFlags = (): string =>
  filesOfParts(registeredParts())
    .map(({ file }) => ` --parts ${shellWord(relative("", file))}`)
    .join("");
