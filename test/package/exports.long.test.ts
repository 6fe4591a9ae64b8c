/** What the package exports can be called with what it exports: every type that a caller has to write has a public name. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SRC = join(ROOT, "src/");

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile).config,
  ts.sys,
  ROOT,
);
const entries = ["index.ts", "engine.ts"].map((name) => join(SRC, name));
const program = ts.createProgram(entries, { ...options, noEmit: true, incremental: false });
const checker = program.getTypeChecker();

const exported = entries.flatMap((path) => {
  const file = program.getSourceFile(path)!;
  return checker.getExportsOfModule(checker.getSymbolAtLocation(file)!).map((symbol) => ({ path, symbol }));
});
const original = (symbol: ts.Symbol) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
const isPublic = new Set(exported.map(({ symbol }) => original(symbol)));

const isExported = (node: ts.Declaration) => (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Export) !== 0;

/** Names of types of ours that a value of this type is made of, and that are not exported. */
function unnamed(type: ts.Type, seen: Set<ts.Type>): string[] {
  if (seen.has(type)) return [];
  seen.add(type);
  const symbol = type.aliasSymbol ?? type.getSymbol();
  const declared = symbol?.declarations?.[0]?.getSourceFile().fileName ?? "";
  // What a function is made of is the business of whoever writes it.
  if (type.getCallSignatures().length > 0 && !type.aliasSymbol) return [];
  const isOurs = declared.startsWith(SRC) && symbol !== undefined;
  // A part of a type that its own file keeps to itself needs no name.
  const isNamed = isOurs && !symbol.name.startsWith("__") && symbol.declarations!.some(isExported);
  if (isNamed && !isPublic.has(symbol)) return [symbol.name];
  if (isOurs && symbol.flags & ts.SymbolFlags.Class) return [];
  if (type.isUnionOrIntersection()) return type.types.flatMap((one) => unnamed(one, seen));
  if (isOurs) return type.getProperties().flatMap((property) => unnamed(checker.getTypeOfSymbol(property), seen));
  return checker.isArrayType(type)
    ? checker.getTypeArguments(type as ts.TypeReference).flatMap((one) => unnamed(one, seen))
    : [];
}

const functions = exported.flatMap(({ symbol }) => {
  const signatures = checker.getTypeOfSymbol(original(symbol));
  const all = [...signatures.getCallSignatures(), ...signatures.getConstructSignatures()];
  return all.length === 0 ? [] : [{ name: symbol.name, signatures: all }];
});

test("there are calls, each with a public name of its own", () => {
  expect(functions.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["train", "evaluate", "openClassifier", "pgd"]),
  );
  const names = exported.map(({ symbol }) => symbol.name);
  const values = exported.filter(({ symbol }) => original(symbol).flags & ts.SymbolFlags.Value);
  const twice = values
    .map(({ symbol }) => symbol.name)
    .filter((name) => names.indexOf(name) !== names.lastIndexOf(name));
  expect(twice).toEqual([]);
});

test.each(functions)("$name takes what is exported", ({ signatures }) => {
  const parameters = signatures.flatMap((signature) => signature.getParameters());
  const seen = new Set<ts.Type>();
  const missing = parameters.flatMap((parameter) => unnamed(checker.getTypeOfSymbol(parameter), seen));
  expect(missing).toEqual([]);
});

test("the first page is short: the calls and what they take", () => {
  const values = exported.filter(
    ({ path, symbol }) => path.endsWith("index.ts") && original(symbol).flags & ts.SymbolFlags.Value,
  );
  expect(values.length).toBeLessThanOrEqual(80);
});
