/** `npm run docs` writes the pages that are made from the code. */
import { writeFileSync } from "node:fs";
import { ATTACK_FLAGS, TRAINING_FLAGS } from "../../dist/cli/flags/flags.js";
import { recipeSchema } from "../../dist/recipes/schema.js";
import { recipePage } from "./recipe-page.mjs";

writeFileSync(
  new URL("../recipes.md", import.meta.url),
  recipePage(recipeSchema(), [...TRAINING_FLAGS, ...ATTACK_FLAGS]),
);
