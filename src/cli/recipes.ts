import type { Command } from "commander";

interface RecipeFile {
  readonly name: string;
  readonly path: string;
  readonly summary: string;
}

/** `advprop recipes [--json]`: the recipe files that come with the package. */
export function define(command: Command): void {
  command.option("--json", "print a JSON array of { name, path, summary }").action(async ({ json }) => {
    const resolver: string = "../recipes/resolve.js";
    const { listRecipes } = (await import(resolver)) as { listRecipes(): RecipeFile[] };
    const recipes = listRecipes();
    if (json) {
      console.log(JSON.stringify(recipes, undefined, 2));
      return;
    }
    const width = Math.max(0, ...recipes.map(({ name }) => name.length));
    for (const { name, summary } of recipes) console.log(`${name.padEnd(width)}  ${summary}`);
  });
}
