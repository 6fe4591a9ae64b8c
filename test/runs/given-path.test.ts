/** The paths that users give: none is empty, and no input is overwritten. */
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { checkNoInput, checkOutputFile, checkPath } from "../../src/runs/given-path.js";
import { codedError } from "../support/errors.js";
import { folderOf, temporaryFolder, unprivileged } from "../support/folders.js";

test("an empty path is refused, with the name of its option; the current folder is a path", () => {
  const error = codedError(() => checkPath("train", "run", ""));
  expect(error).toMatchObject({ code: "ERR_PATH", exitCode: 2 });
  expect(error.message).toContain("train: `run` must be a path; got an empty text");
  checkPath("train", "run", ".");
});

describe("a file to write", () => {
  test.each(["photo.jpg", "csv", "", "table.csv/"])("%j does not end in .csv", (to) => {
    const error = codedError(() => checkOutputFile("predict", to, ".csv", []));
    expect(error).toMatchObject({ code: "ERR_PATH", exitCode: 2 });
    expect(error.message).toBe(`predict: \`to\` must name a file that ends in .csv; got ${to}`);
  });

  test("is no input, also in another spelling or through a link", () => {
    const folder = folderOf("data/input.csv");
    const input = join(folder, "data/input.csv");
    symlinkSync(input, join(folder, "soft.csv"));
    linkSync(input, join(folder, "hard.csv"));
    symlinkSync(join(folder, "data"), join(folder, "linked"));
    const spellings = ["data/input.csv", "data/../data/./input.csv", "soft.csv", "hard.csv", "linked/input.csv"];
    for (const to of [...spellings.map((name) => join(folder, name)), relative(".", input)]) {
      const error = codedError(() => checkOutputFile("predict", to, ".csv", ["https://host/x.csv", "none", input]));
      expect(error).toMatchObject({ code: "ERR_PATH", exitCode: 2 });
      expect(error.message).toContain(`\`to\` must not be its input ${input}`);
    }
  });

  test("may be new, replace an earlier one beside the inputs, and end in upper case", () => {
    const folder = folderOf("input.csv", "earlier.csv");
    for (const name of ["new.csv", "earlier.csv", "NEW.CSV"]) {
      checkOutputFile("predict", join(folder, name), ".csv", [join(folder, "input.csv"), "none", folder]);
    }
  });

  test("can be written there", async () => {
    const folder = folderOf("file", "taken.csv/");
    const codeOf = (name: string) => codedError(() => checkOutputFile("predict", join(folder, name), ".csv", [])).code;
    expect(["none/x.csv", "file/x.csv", "taken.csv"].map(codeOf)).toEqual(["ERR_WRITE", "ERR_WRITE", "ERR_WRITE"]);
    expect(await unprivileged(() => codeOf("x.csv"))).toBe("ERR_WRITE");
  });
});

test("a folder of results is not that of the images", () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "photos"));
  symlinkSync(join(folder, "photos"), join(folder, "link"));
  writeFileSync(join(folder, "file"), "");
  const error = codedError(() => checkNoInput("evaluate", join(folder, "link"), [join(folder, "photos")], "folder"));
  expect(error.code).toBe("ERR_PATH");
  expect(error.message).toMatch(/link is the same folder\. Choose another folder$/);
  checkNoInput("evaluate", join(folder, "photos", "report"), [join(folder, "photos")], "folder");
});
