/** The docstrings of the keys of a schema, read from its source: what zod does not keep. */
import { readFileSync } from "node:fs";
import ts from "typescript";

/**
 * The docstrings below a constant that is made of calls and object literals, by path. The members of a union, told apart by a
 * literal `name`, are written `path[member]`.
 *
 * @param {readonly string[]} files source files, in which the constants stand that the first one is made of
 * @param {string} root the name of the constant
 * @returns {Map<string, string>} texts of one line
 */
export function docstrings(files, root) {
  const constants = new Map(files.flatMap(constantsOf));
  const found = new Map();

  /** Reads what a node is made of. A member of a union has the docstring of its constant, `text`. */
  const read = (node, path, text) => {
    if (ts.isObjectLiteralExpression(node)) return readObject(node, path, text);
    if (ts.isCallExpression(node)) {
      // `section({ ... }).default({})` is a call of a property of a call.
      if (ts.isPropertyAccessExpression(node.expression)) read(node.expression.expression, path, text);
      for (const argument of node.arguments) read(argument, path, text);
      return;
    }
    const constant = ts.isIdentifier(node) ? constants.get(node.text) : undefined;
    if (constant?.declaration.initializer !== undefined) read(constant.declaration.initializer, path, constant.text);
  };

  const readObject = (node, path, text) => {
    const member = node.properties.map(literalName).find((name) => name !== undefined);
    const here = member === undefined ? path : `${path}[${member}]`;
    if (member !== undefined && text !== undefined) found.set(here, text);
    for (const property of node.properties) {
      if (ts.isSpreadAssignment(property)) {
        read(property.expression, here);
        continue;
      }
      const below = here === "" ? property.name.text : `${here}.${property.name.text}`;
      const value = ts.isShorthandPropertyAssignment(property) ? property.name : property.initializer;
      const own = textOf(property) ?? constants.get(value.text)?.text;
      if (own !== undefined) found.set(below, own);
      read(value, below);
    }
  };

  read(constants.get(root).declaration.initializer, "");
  return found;
}

/** @returns {[string, { declaration: ts.VariableDeclaration, text?: string }][]} the constants of a file, each with its docstring */
function constantsOf(file) {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  return source.statements
    .filter(ts.isVariableStatement)
    .flatMap((statement) =>
      statement.declarationList.declarations.map((declaration) => [
        declaration.name.getText(),
        { declaration, text: textOf(statement) },
      ]),
    );
}

/** The member that `name: z.literal("member")` names. */
function literalName(property) {
  if (!ts.isPropertyAssignment(property) || property.name.text !== "name") return undefined;
  const [argument] = ts.isCallExpression(property.initializer) ? property.initializer.arguments : [];
  return argument !== undefined && ts.isStringLiteral(argument) ? argument.text : undefined;
}

/** The docstring of a node on one line; a link in brackets, which is for readers of the source, is left out. */
function textOf(node) {
  const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  if (comment?.comment === undefined) return undefined;
  return ts
    .getTextOfJSDocComment(comment.comment)
    .replace(/ \(\{@link \w+\}\)/g, "")
    .replace(/\s+/g, " ")
    .trim();
}
