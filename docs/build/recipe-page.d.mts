import type { z } from "zod";

/** The page of all keys of a recipe as Markdown: from its schema, the docstrings in the sources, and the flags that set a key. */
export declare function recipePage(
  schema: z.ZodType,
  flags: readonly { readonly flag: string; readonly path: string; readonly description: string }[],
): string;
