/** Every command line in the documentation is one that the command line takes: its command, its flags, what must be there. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, type CommanderError } from "commander";
import { expect, test } from "vitest";
import { COMMANDS, type CommandModule } from "../../src/cli/commands.js";
import { COMMANDS_WITH_PARTS, partsOption } from "../../src/cli/flags/parts-flag.js";
import { knownPaths } from "../../src/recipes/mistakes.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ofDocs = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
const pages = [...ofDocs.map((name) => `docs/${name}`), "README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"];

interface Documented {
  readonly where: string;
  readonly words: readonly string[];
  /** Whether it stands in the text, which may leave out what a command must have. */
  readonly inText: boolean;
}

/** The command lines of a page, in blocks of code and in the text, each with its line. */
function commandsOf(page: string): Documented[] {
  const found: Documented[] = [];
  let inside = false;
  let begun = "";
  for (const [i, line] of readFileSync(join(ROOT, page), "utf8").split("\n").entries()) {
    if (/^\s*```/.test(line)) inside = !inside;
    else if (!inside) {
      for (const [, text] of line.matchAll(/`(?:npx )?advprop ([a-z][^`]*)`/g)) {
        found.push({ where: `${basename(page)}:${i + 1}`, words: wordsOf(text), inText: true });
      }
    } else {
      const text = `${begun}${line.trim()}`;
      begun = text.endsWith("\\") ? text.slice(0, -1) : "";
      const [, command] = /^(?:\w+=\S+ )*(?:npx )?advprop (.*)/.exec(text) ?? [];
      if (begun === "" && command !== undefined) {
        found.push({ where: `${basename(page)}:${i + 1}`, words: wordsOf(command), inText: false });
      }
    }
  }
  return found;
}

/** The words of a command as a shell would take them, up to a comment, a pipe or the next command. */
function wordsOf(text: string): string[] {
  const words = text.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? [];
  const end = words.findIndex((word) => /^(#|\||&&|;|>|2>|<)/.test(word));
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replace(/^["']|["']$/g, ""));
}

/** What is wrong with a command, without doing anything: the definitions are real, the actions are none. */
async function mistakeOf([name, ...args]: readonly string[], inText = false): Promise<string | undefined> {
  if (!COMMANDS.some(([known]) => known === name)) return `there is no command ${name}`;
  const { define } = (await import(`../../src/cli/commands/${name}.ts`)) as CommandModule;
  const command = new Command(name).exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
  define(command);
  if (COMMANDS_WITH_PARTS.includes(name)) command.addOption(partsOption());
  const settings: string[] = [];
  for (const one of [command, ...command.commands]) {
    one.exitOverride().configureOutput({ outputError: () => {}, writeErr: () => {}, writeOut: () => {} });
    if (inText) for (const option of one.options) option.mandatory = false;
    if (inText) for (const argument of one.registeredArguments) argument.required = false;
    one.action(() => void settings.push(...([] as string[]).concat(one.opts().set ?? [])));
  }
  try {
    command.parse([...args], { from: "user" });
  } catch (error) {
    const { code, message } = error as CommanderError;
    return code === "commander.helpDisplayed" ? undefined : message;
  }
  // A file of parts brings keys of its own.
  if (args.includes("--parts")) return undefined;
  const known = knownPaths();
  const wrong = settings.map((text) => text.split("=")[0]).find((key) => key !== "KEY" && !known.includes(key));
  return wrong && `there is no key ${wrong}`;
}

const documented = pages.flatMap(commandsOf);

test("the pages have commands of every kind", () => {
  const names = new Set(documented.map(({ words }) => words[0]));
  expect([...names].sort()).toEqual(expect.arrayContaining(COMMANDS.map(([name]) => name).sort()));
});

test("every documented command has its real flags", async () => {
  const wrong: string[] = [];
  for (const { where, words, inText } of documented) {
    const mistake = await mistakeOf(words, inText);
    if (mistake !== undefined) wrong.push(`${where}: advprop ${words.join(" ")}: ${mistake}`);
  }
  expect(wrong).toEqual([]);
});

test("a wrong command is found", async () => {
  expect(await mistakeOf(["trian"])).toBe("there is no command trian");
  expect(await mistakeOf(["train", "--epoch", "3"])).toMatch(/unknown option '--epoch'/);
  expect(await mistakeOf(["data", "check"])).toMatch(/missing required argument/);
  expect(await mistakeOf(["corrupt", "--data", "shapes"])).toMatch(/required option/);
  expect(await mistakeOf(["train", "--set", "training.epoch=3"])).toBe("there is no key training.epoch");
});
