/** Names and words in messages. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { printable, shellWord } from "../src/errors.js";

test.each(["runs/first", "/data/été/1.0_a-b", "写真", "http://host:8080/a.tar", "hf:timm/x@main", "a=1,2%+"])(
  "the shell reads %s as it is, so it has no quotes",
  (word) => {
    expect(shellWord(word)).toBe(word);
    expect(readByShell(word)).toBe(word);
  },
);

test.each([
  "ace space/r",
  "it's",
  "a$HOME`id`",
  "*",
  "train-{000..012}.tar",
  "~me",
  "a;b&c|d",
  'the "best"',
  "",
  "a\\b",
])("the shell reads %s only with quotes", (word) => {
  expect(shellWord(word)).not.toBe(word);
  expect(readByShell(word)).toBe(word);
});

const readByShell = (word: string): string =>
  spawnSync("sh", ["-c", `printf %s ${shellWord(word)}`], { encoding: "utf8" }).stdout;

test("control characters of a name are written, other characters are kept", () => {
  expect(printable("a\n\u001b[2J\u202eb")).toBe("a\\u000a\\u001b[2J\\u202eb");
  expect(printable("写真 été 🙂")).toBe("写真 été 🙂");
});
