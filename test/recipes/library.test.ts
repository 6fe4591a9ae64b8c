import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findRecipe, listRecipes, loadRecipe } from "../../src/recipes/library.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import { codedError } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";

function folderOfRecipes(): string {
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, "cifar10-vanilla.yaml"),
    "# Plain training.\r\n#\r\n#   one command\r\nmethod: vanilla # no\r\n",
  );
  writeFileSync(join(folder, "cifar10-advprop.yaml"), "method: advprop\n# not the header\n");
  writeFileSync(join(folder, "README.md"), "");
  return folder;
}

describe("listRecipes", () => {
  test("gives name, path and the comment at the top", () => {
    const folder = folderOfRecipes();
    expect(listRecipes(folder)).toEqual([
      { name: "cifar10-advprop", path: join(folder, "cifar10-advprop.yaml"), description: "" },
      {
        name: "cifar10-vanilla",
        path: join(folder, "cifar10-vanilla.yaml"),
        description: "Plain training.\n\n  one command",
      },
    ]);
    expect(listRecipes(join(folder, "absent"))).toEqual([]);
  });

  test("every recipe of the package is valid and has a description", () => {
    for (const { path, description } of listRecipes()) {
      expect(() => resolveRecipe(loadRecipe(path))).not.toThrow();
      expect(description, path).not.toBe("");
    }
  });
});

describe("findRecipe", () => {
  test("takes a name or a path", () => {
    const folder = folderOfRecipes();
    expect(findRecipe("cifar10-vanilla", folder).path).toBe(join(folder, "cifar10-vanilla.yaml"));
    expect(findRecipe(join(folder, "cifar10-advprop.yaml")).name).toBe("cifar10-advprop");
    expect(loadRecipe("cifar10-vanilla", folder)).toEqual({ method: "vanilla" });
  });

  test("names the existing recipes", () => {
    const folder = folderOfRecipes();
    mkdirSync(join(folder, "folder.yaml"));
    const error = codedError(() => findRecipe("cifar10-advprp", folder));
    expect(error).toMatchObject({ code: "ERR_RECIPE_MISSING", exitCode: 2 });
    expect(error.message).toContain("Did you mean cifar10-advprop?");
    expect(codedError(() => findRecipe(join(folder, "absent.yaml"))).code).toBe("ERR_RECIPE_MISSING");
    expect(codedError(() => findRecipe(join(folder, "folder.yaml"))).code).toBe("ERR_RECIPE_MISSING");
  });

  test("names the replacement of an old recipe", () => {
    const error = codedError(() => findRecipe("finetune-photos"));
    expect(error).toMatchObject({ code: "ERR_RECIPE_MISSING", exitCode: 2 });
    expect(error.message).toContain("the recipe finetune-photos was replaced by photos");
    expect(() => findRecipe("photos")).not.toThrow();
  });

  test("names the file in mistakes", () => {
    const path = join(temporaryFolder(), "mine.yaml");
    writeFileSync(path, "seed: x\n");
    expect(codedError(() => loadRecipe(path)).message).toContain(`${path}:1:7: seed must be`);
  });
});
