/**
 * The TypeScript types of the operators that native/operators.schema lists. As a program (`npm run operators`) it writes
 * them to src/tensor/operator-types.ts.
 */
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "./places.mjs";

export const SCHEMA_FILE = join(ROOT, "native/operators.schema");
export const TYPES_FILE = join(ROOT, "src/tensor/operator-types.ts");

const HEAD = `/**
 * The operators by their names, as functions of their arguments. Made by \`npm run operators\` from native/operators.schema:
 * change that file.
 */
import type { Device, DType, Tensor } from "./tensor.js";

type Scalar = number | boolean;
type MemoryFormat = "contiguous" | "channels_last" | "preserve";
type Layout = "strided";

export interface Operators {
`;

/** The width that the formatter breaks lines at. */
const WIDTH = 120;

/** The text of src/tensor/operator-types.ts. @throws a line that is no schema, or a type that the engine does not convert */
export function operatorTypes(text) {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return `${HEAD}${lines.map(memberOf).join("")}}\n`;
}

/** "aten::neg(Tensor self) -> Tensor" as a member of the interface. */
function memberOf(line) {
  const parts = /^(?<name>\w+::\w+(?:\.\w+)?)\((?<inputs>.*)\) -> (?<outputs>.+)$/.exec(line)?.groups;
  if (parts === undefined) throw new Error(`operators.schema: this line is no schema: ${line}`);
  const inputs = splitList(parts.inputs).filter((input) => input !== "*");
  // Only arguments that nothing required follows can be left out.
  const required = inputs.findLastIndex((input) => !/=|^\S+\? /.test(input)) + 1;
  const parameters = inputs.map((input, i) => parameterOf(input, i >= required));
  const result = resultOf(parts.outputs);
  const short = `  "${parts.name}": (${parameters.join(", ")}) => ${result};\n`;
  if (short.length <= WIDTH + 1) return short;
  return `  "${parts.name}": (\n${parameters.map((parameter) => `    ${parameter},\n`).join("")}  ) => ${result};\n`;
}

function splitList(text) {
  return text === "" ? [] : text.split(/, (?![^[]*\])/);
}

/** "int[2] stride=1" as "stride?: readonly [number, number]". */
function parameterOf(input, optional) {
  const [, type, name] = /^(\S+) (\w+)(?:=.*)?$/.exec(input) ?? [];
  if (type === undefined) throw new Error(`operators.schema: this is no argument: ${input}`);
  const nullable = type.endsWith("?");
  const base = typeOf(nullable ? type.slice(0, -1) : type);
  if (optional) return `${name}?: ${base}${nullable ? " | null" : ""}`;
  return `${name}: ${base}${nullable ? " | null | undefined" : ""}`;
}

const TYPES = {
  Tensor: "Tensor",
  Scalar: "Scalar",
  int: "number",
  float: "number",
  bool: "boolean",
  str: "string",
  ScalarType: "DType",
  MemoryFormat: "MemoryFormat",
  Layout: "Layout",
  Device: "Device",
};

/** The type of an argument or result, whose alias, as in "Tensor(a!)", is of no matter here. */
function typeOf(type) {
  const [, base, length] = /^([A-Za-z]+)(?:\([a-z]!?\))?(?:\[(\d*)\])?$/.exec(type) ?? [];
  const element = TYPES[base];
  if (element === undefined) throw new Error(`operators.schema: no TypeScript type is known for ${type}`);
  if (length === undefined) return element;
  // int[1] is a list of any length for which one integer may stand.
  if (length === "" || length === "1") return `readonly ${element}[]`;
  return `readonly [${new Array(Number(length)).fill(element).join(", ")}]`;
}

/** "(Tensor values, Tensor indices)" as "[Tensor, Tensor]", "()" as "void". */
function resultOf(output) {
  if (output === "()") return "void";
  if (!output.startsWith("(")) return typeOf(output).replace("readonly ", "");
  const types = splitList(output.slice(1, -1)).map((one) => typeOf(one.split(" ")[0]));
  return `[${types.join(", ")}]`;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  writeFileSync(TYPES_FILE, operatorTypes(readFileSync(SCHEMA_FILE, "utf8")));
}
