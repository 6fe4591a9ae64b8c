/** The page of all keys of a recipe, from the schema, its docstrings and the flags. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { docstrings } from "./docstrings.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SOURCES = [here("../../src/recipes/schema.ts"), here("../../src/recipes/attack-schema.ts")];

/**
 * @param {z.ZodType} schema the schema of a whole recipe
 * @param {readonly { flag: string, path: string, description: string }[]} flags those that set a key
 * @returns {string} Markdown
 */
export function recipePage(schema, flags) {
  const texts = docstrings(SOURCES, "written");
  const textAt = (path) => texts.get(path.replace(".*", "")) ?? "";
  const parts = sectionsOf(schema, "").map(({ path, members, keys }) => {
    const rows = keys.map(({ name, of, rule, standard }) => {
      const dotted = path === "" ? name : `${path}.${name}`;
      const flag = flags.find((one) => one.path === dotted);
      const text = textAt(dotted.replace(path, of === undefined ? path : `${path}[${of[0]}]`));
      const some = of !== undefined && of.length < members ? ` (${of.join(", ")})` : "";
      return [code(name) + some, rule, standard, text, flag ? code(flag.flag.split(" ")[0]) : ""];
    });
    const table = [["key", "value", "default", "what it is", "flag"], Array(5).fill("---"), ...rows];
    const lines = table.map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
    const title = `## ${path === "" ? "The recipe itself" : code(path)}`;
    return [title, textAt(path), lines.join("\n")].filter(Boolean).join("\n\n");
  });
  return [readFileSync(here("recipes-begin.md"), "utf8").trimEnd(), ...parts].join("\n\n") + "\n";
}

const code = (text) => `\`${text}\``;

/** The sections at and below a schema, each with its keys that hold a value. */
function sectionsOf(schema, path) {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodRecord) return sectionsOf(inner.valueType, `${path}.*`);
  if (inner instanceof z.ZodDiscriminatedUnion) return [unionOf(inner.options.map(unwrap), path)];
  if (!(inner instanceof z.ZodObject)) return [];
  const entries = Object.entries(inner.shape);
  const keys = entries.filter(([, field]) => !isSection(field)).map(([name, field]) => keyOf(name, field));
  const below = entries.filter(([, field]) => isSection(field));
  return [
    { path, keys },
    ...below.flatMap(([name, field]) => sectionsOf(field, path === "" ? name : `${path}.${name}`)),
  ];
}

/** Several sections as one, told apart by their `name`. What some of them have alike is one key, `of` these. */
function unionOf(members, path) {
  const names = members.map((member) => member.shape.name.value);
  const keys = new Map();
  for (const [i, member] of members.entries()) {
    for (const [name, field] of Object.entries(member.shape)) {
      if (name === "name") continue;
      const value = keyOf(name, field);
      const id = JSON.stringify(value);
      keys.set(id, { ...value, of: [...(keys.get(id)?.of ?? []), names[i]] });
    }
  }
  const name = { name: "name", rule: names.join(", "), standard: code(JSON.stringify(names[0])) };
  return { path, members: members.length, keys: [name, ...keys.values()] };
}

const isSection = (schema) => {
  const inner = unwrap(schema);
  return inner instanceof z.ZodObject || inner instanceof z.ZodRecord || inner instanceof z.ZodDiscriminatedUnion;
};

/** A key with its rule in the words of the error message, and its default as YAML writes it. */
function keyOf(name, field) {
  const [issue] = field.safeParse(Symbol("no value")).error.issues;
  const rule = /^must be (.*); got /.exec(issue.message)?.[1];
  if (rule === undefined) throw new Error(`the rule of ${name} cannot be told from "${issue.message}"`);
  return {
    name,
    rule,
    standard: field instanceof z.ZodDefault ? code(JSON.stringify(field.def.defaultValue)) : "none",
  };
}

/** The schema inside defaults and transforms. */
function unwrap(schema) {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.unwrap());
  }
  if (schema instanceof z.ZodPipe) return unwrap(schema.in instanceof z.ZodTransform ? schema.out : schema.in);
  return schema;
}
