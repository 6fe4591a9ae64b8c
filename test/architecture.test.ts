import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../src/cli/commands.js";

/** The layers from the lowest up: a file imports from its own folder, from lower layers and from the free folders. */
const LAYERS = [
  ["tensor"],
  ["nn"],
  ["attacks", "optim", "distributed"],
  ["models"],
  ["training", "export"],
  ["weights"],
  ["predictors"],
  ["recipes"],
  ["api"],
  ["serving"],
  ["dashboard"],
  ["cli"],
  ["index", "engine"],
];
/** Without libtorch, on typed arrays only: importable by all layers, importing none of them. */
const FREE = ["images", "figures", "corruptions", "data", "attacks/square", "evaluation", "runs", "torch-files"];
/** Importable by everything, importing nothing of ours. */
const BASE = ["errors", "random", "registered-parts", "parts"];
/** Bundled for browsers: importing the free folders, of which only what needs no Node, and imported by none. */
const BROWSER = ["web", "dashboard/client"];
/** The packages that are bundled. */
const BROWSER_PACKAGES = [
  "preact",
  "preact/hooks",
  "onnxruntime-web/wasm",
  "onnxruntime-web/ort-wasm-simd-threaded.wasm?url",
  "uplot",
];

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SRC = join(ROOT, "src");

interface Import {
  readonly specifier: string;
  /** `type` is erased by the compiler, `dynamic` is loaded only when the line runs. */
  readonly kind: "static" | "type" | "dynamic";
}

interface SourceFile {
  /** Relative to src/. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const files: readonly SourceFile[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.tsx?$/.test(path))
  .sort()
  .map((path) => {
    const text = readFileSync(join(SRC, path), "utf8");
    return { path, text, imports: importsOf(path, text) };
  });
const byPath = new Map(files.map((file) => [file.path, file]));

function importsOf(path: string, text: string): Import[] {
  const imports: Import[] = [];
  const add = (node: ts.Node | undefined, kind: Import["kind"]): void => {
    if (node && ts.isStringLiteralLike(node)) imports.push({ specifier: node.text, kind });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly ? "type" : "static");
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly ? "type" : "static");
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, "type");
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], "dynamic");
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true));
  return imports;
}

/** The texts of a file, comments aside. */
function messagesOf(path: string, text: string): string[] {
  const messages: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      messages.push(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true));
  return messages;
}

/** The file of src/ that an import names, relative to src/; undefined for a package or a file elsewhere. */
function target(file: SourceFile, { specifier }: Import): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const path = relative(SRC, resolve(SRC, dirname(file.path), specifier));
  if (path.startsWith("..")) return undefined;
  return [".ts", ".tsx"].map((ending) => path.replace(/\.js$/, ending)).find((name) => byPath.has(name));
}

/** The folder of src/ that a file is in; for a file directly in src/, its name. A folder within another may be a unit of its own. */
function unitOf(path: string): string {
  const inner = ["dashboard/client", "attacks/square"].find((unit) => path.startsWith(`${unit}/`));
  if (inner !== undefined) return inner;
  return path.split("/")[0].replace(/\.ts$/, "");
}

/** Whether a file of unit `from` may import from unit `to`. */
function allowed(from: string, to: string): boolean {
  if (from === to || BASE.includes(to)) return true;
  if (BASE.includes(from) || BROWSER.includes(to)) return false;
  if (FREE.includes(to)) return true;
  if (BROWSER.includes(from)) return false;
  const layer = (unit: string): number => LAYERS.findIndex((units) => units.includes(unit));
  return layer(to) < layer(from);
}

/** Every file that loading `path` loads, and the packages, following static imports only. */
function loadedBy(path: string): Set<string> {
  const loaded = new Set<string>();
  const visit = (name: string): void => {
    if (loaded.has(name)) return;
    loaded.add(name);
    const file = byPath.get(name);
    for (const entry of file?.imports ?? []) {
      if (file && entry.kind === "static") visit(target(file, entry) ?? entry.specifier);
    }
  };
  visit(path);
  return loaded;
}

describe("architecture", () => {
  test("every folder of src has its place in the layers", () => {
    const known = [...LAYERS.flat(), ...FREE, ...BASE, ...BROWSER];
    expect(files.map((file) => file.path).filter((path) => !known.includes(unitOf(path)))).toEqual([]);
  });

  test("imports go down only", () => {
    const offenders = files.flatMap((file) =>
      file.imports
        // A page knows its server's answers by their types alone.
        .filter(({ kind }) => !(kind === "type" && unitOf(file.path) === "dashboard/client"))
        .map((entry) => target(file, entry))
        .filter((to) => to !== undefined && !allowed(unitOf(file.path), unitOf(to)))
        .map((to) => `${file.path} imports ${to}`),
    );
    expect(offenders).toEqual([]);
  });

  test("what runs in a browser needs neither Node nor the engine", () => {
    const pages = files.filter(({ path }) => BROWSER.includes(unitOf(path)));
    expect(pages).not.toEqual([]);
    const outside = pages.flatMap(({ path }) =>
      [...loadedBy(path)]
        .filter((name) => !byPath.has(name) && !BROWSER_PACKAGES.includes(name) && !name.endsWith(".css"))
        .map((name) => `${path} loads ${name}`),
    );
    expect(outside).toEqual([]);
  });

  test("every relative import names a file of src, a script for the command line, or the places of what set-up makes", () => {
    const offenders = files.flatMap((file) =>
      file.imports
        .filter((entry) => entry.specifier.startsWith(".") && target(file, entry) === undefined)
        .filter((entry) => !(unitOf(file.path) === "cli" && /^(\.\.\/)+scripts\/.*\.mjs$/.test(entry.specifier)))
        .filter((entry) => !/^(\.\.\/)+scripts\/places\.mjs$/.test(entry.specifier))
        .filter((entry) => !(BROWSER.includes(unitOf(file.path)) && entry.specifier.endsWith(".css")))
        .map((entry) => `${file.path} imports ${entry.specifier}`),
    );
    expect(offenders).toEqual([]);
  });

  test("only src/tensor loads the engine, and only one file the addon that reads photos", () => {
    const loading = files.filter(({ text }) => /\.node["'`]|dlopen/.test(text)).map(({ path }) => path);
    expect(loading).toEqual(["images/native.ts", "tensor/native.ts"]);
  });

  test("the program starts with commander, the errors and its own files only", () => {
    const heavy = [...loadedBy("cli/main.ts")].filter(
      (name) => !name.startsWith("cli/") && !name.startsWith("node:") && !["commander", "errors.ts"].includes(name),
    );
    expect(heavy).toEqual([]);
  });

  test("no command loads libtorch before its action runs, so that its help is quick", () => {
    const commands = COMMANDS.map(([name]) => `cli/commands/${name}.ts`).filter((path) => byPath.has(path));
    const offenders = commands.filter((path) => [...loadedBy(path)].some((name) => name.startsWith("tensor/")));
    expect(offenders).toEqual([]);
  });

  test("nothing that evaluates an ONNX file loads libtorch", () => {
    const entries = [
      "api/evaluation/evaluate.ts",
      "api/evaluation/suite.ts",
      "predictors/open.ts",
      "predictors/onnx/onnx-predictor.ts",
      "cli/run-predict.ts",
      "serving/serve.ts",
    ];
    const loaded = entries.flatMap((path) => [...loadedBy(path)]);
    expect(loaded.filter((name) => name.startsWith("tensor/"))).toEqual([]);
    expect(loaded).toContain("predictors/onnx/onnx-runtime.ts");
  });

  test("the dashboard loads neither training nor libtorch, now or later", () => {
    const reached = new Set<string>();
    const visit = (path: string) => {
      if (reached.has(path)) return;
      reached.add(path);
      const file = byPath.get(path);
      for (const entry of file?.imports ?? []) {
        const to = target(file!, entry);
        if (entry.kind !== "type" && to !== undefined) visit(to);
      }
    };
    visit("dashboard/dashboard.ts");
    const units = [...new Set([...reached].map(unitOf))].sort();
    expect(units).toEqual(["dashboard", "errors", "evaluation", "runs", "serving"]);
  });

  test("nothing below the command line prints, reads its arguments, sets an exit code or names a flag", () => {
    const below = files.filter(({ path }) => unitOf(path) !== "cli");
    const printing = below.filter(({ text }) => /console\.|process\.(argv|exit|exitCode|stdout|stderr)\b/.test(text));
    expect(printing.map(({ path }) => path)).toEqual([]);
    // Other programs' flags, and files that are no messages, aside.
    const allowed = ["evaluation/report/html-style.ts", "evaluation/report/html.ts", "evaluation/report/svg-parts.ts"];
    const naming = below.flatMap(({ path, text }) =>
      messagesOf(path, text)
        .filter((message) => /(^|[\s(\u0060])--[a-z]/.test(message) && !/npm install|timm's --/.test(message))
        .map((message) => `${path}: ${message}`),
    );
    expect(naming.filter((one) => !allowed.some((path) => one.startsWith(path)))).toEqual([]);
  });

  test("no file is over 400 lines", () => {
    expect(files.filter(({ text }) => text.split("\n").length > 401).map((file) => file.path)).toEqual([]);
  });

  test("no folder has over 20 files: it has one subject", () => {
    const counts = new Map<string, number>();
    for (const { path } of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > 20)).toEqual([]);
  });

  test("there are no import cycles, of types neither", () => {
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      if (done.has(path) || trail.includes(path)) return;
      const file = byPath.get(path)!;
      for (const entry of file.imports) {
        const to = entry.kind === "dynamic" ? undefined : target(file, entry);
        if (to !== undefined) visit(to, [...trail, path]);
      }
      done.add(path);
    };
    for (const { path } of files) visit(path, []);
    expect(cycles).toEqual([]);
  });
});
