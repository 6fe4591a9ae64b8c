import type { Command } from "commander";

/** `advprop recipes [--json]`: lists the recipe files that come with the package. */
export function define(command: Command): void {
  command
    .option("--json", "print a JSON array of { name, path, description }")
    .action(async ({ json }: { json?: boolean }) => {
      const { listRecipes } = await import("../../recipes/library.js");
      const recipes = listRecipes();
      if (json) {
        console.log(JSON.stringify(recipes, undefined, 2));
        return;
      }
      const width = Math.max(0, ...recipes.map(({ name }) => name.length));
      for (const { name, description } of recipes) console.log(`${name.padEnd(width)}  ${description.split("\n")[0]}`);
    });
}
