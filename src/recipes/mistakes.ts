/** Finds every mistake in a recipe and describes it. */

import { z } from "zod";
import { registeredAttacks } from "../attacks/registered.js";
import { didYouMean } from "../errors.js";
import { ineffectiveKeys, missingPolicy } from "./effect.js";
import { usualKey } from "./other-names.js";
import { anyRoute } from "./route-names.js";
import { isMapping } from "./rules.js";
import { recipeSchema } from "./schema.js";

/** One mistake and where it is. */
export interface Mistake {
  readonly path: readonly string[];
  /** Whether the key itself is wrong, rather than its value. */
  readonly atKey: boolean;
  readonly message: string;
}

/** A hint for an unknown name of an attack. */
const OF_OWN_ATTACK = " For your own attack, give the file that registers it with `parts`.";

/** All mistakes in a written recipe; none if it can be resolved. */
export function findMistakes(recipe: unknown): Mistake[] {
  const { error } = recipeSchema().safeParse(recipe);
  const mistakes = (error?.issues ?? []).flatMap((issue): Mistake[] => {
    const path = issue.path.map(String);
    if (issue.code !== "unrecognized_keys") {
      const own = path.join(".") === "attack.name" ? OF_OWN_ATTACK : "";
      return [{ path, atKey: false, message: `${path.join(".") || "a recipe"} ${issue.message}${own}` }];
    }
    return issue.keys.map((key) => ({ path: [...path, key], atKey: true, message: unknownKey(path, key, recipe) }));
  });
  const ineffective = ineffectiveKeys(recipe).map(({ path, reason, remedy = "choose another method" }): Mistake => {
    return { path, atKey: true, message: `${path.join(".")} ${reason}. Leave it out, or ${remedy}.` };
  });
  const missing = missingPolicy(recipe);
  const ofRoutes = missing && {
    path: missing.path,
    atKey: false,
    message: `${missing.path[0] === "method" ? "method fine-grained" : "routes"} ${missing.reason}`,
  };
  return [...mistakes, ...ineffective, ...(ofRoutes ? [ofRoutes] : [])];
}

/**
 * Every path of the schema, of sections and of values. If `recipe` is given, only the keys of its optimizer, schedule and attack are
 * included, else those of all kinds.
 */
export function knownPaths(recipe?: unknown): string[] {
  return pathsBelow(recipeSchema(), recipe);
}

/**
 * " Did you mean X?" for an unknown path. X is, in this order: a path with the same last key; a path whose last key is the usual name
 * of this one, if possible in the same section; the path with the nearest spelling.
 */
export function didYouMeanPath(path: string, known: readonly string[]): string {
  const [key, section] = [lastKey(path), path.slice(0, path.lastIndexOf(".") + 1)];
  const usual = usualKey(key);
  const named = (name: string | undefined) => {
    const candidates = known.filter((candidate) => lastKey(candidate) === name);
    return candidates.find((candidate) => candidate === `${section}${name}`) ?? candidates[0];
  };
  const meant = named(key) ?? named(usual);
  return meant === undefined ? didYouMean(path, known) : ` Did you mean ${meant}?`;
}

const lastKey = (path: string): string => path.slice(path.lastIndexOf(".") + 1);

/** " The keys of NAME are ..." for a path in the section of a registered attack; undefined for other paths and attacks. */
export function keysOfOwnAttack(path: string, name: unknown): string | undefined {
  if (!path.startsWith("attack.") || !registeredAttacks().some((own) => own.name === name)) return undefined;
  const keys = knownPaths({ attack: { name } })
    .filter((known) => known.startsWith("attack."))
    .map(lastKey);
  return ` The keys of ${name} are ${keys.filter((key) => key !== "name").join(", ")}.`;
}

function unknownKey(sectionPath: readonly string[], key: string, recipe: unknown): string {
  const path = [...sectionPath, key].join(".");
  const ofOwn = keysOfOwnAttack(path, isMapping(recipe) && isMapping(recipe.attack) ? recipe.attack.name : undefined);
  if (ofOwn !== undefined) return `unknown key ${path}.${ofOwn}`;
  const known = pathsBelow(recipeSchema(), recipe);
  const prefix = anyRoute(sectionPath.join(".")) + (sectionPath.length > 0 ? "." : "");
  const siblings = known
    .filter((candidate) => candidate.startsWith(prefix))
    .map((candidate) => candidate.slice(prefix.length))
    .filter((candidate) => !candidate.includes("."));
  const usual = usualKey(key);
  const isElsewhere = (name: string | undefined) => known.some((candidate) => candidate.endsWith(`.${name}`));
  const hint =
    (siblings.some((name) => name === usual) && ` Did you mean ${usual}?`) ||
    (isElsewhere(usual) && didYouMeanPath(path, known)) ||
    didYouMean(key, siblings) ||
    (isElsewhere(key) && didYouMeanPath(path, known)) ||
    ` Known here: ${siblings.join(", ")}.`;
  return `unknown key ${path}.${hint}`;
}

/** The paths below a schema. For a union: those of the member that `value` names, or of all members if it names none. */
function pathsBelow(schema: z.core.$ZodType, value: unknown): string[] {
  const inner = unwrap(schema);
  // The names of this mapping are chosen by the user.
  if (inner instanceof z.ZodRecord) {
    return ["*", ...pathsBelow(inner.valueType, undefined).map((path) => `*.${path}`)];
  }
  const paths = objectsIn(inner, value).flatMap((object) =>
    Object.entries(object.shape).flatMap(([key, field]) => {
      const below = pathsBelow(field, isMapping(value) ? value[key] : undefined);
      return [key, ...below.map((path) => `${key}.${path}`)];
    }),
  );
  return [...new Set(paths)];
}

function objectsIn(schema: z.core.$ZodType, value: unknown): z.ZodObject[] {
  if (schema instanceof z.ZodObject) return [schema];
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return [];
  const members = schema.options as z.ZodObject[];
  if (!isMapping(value)) return members;
  // As in parsing, the first member is the default.
  if (!Object.hasOwn(value, "name")) return members.slice(0, 1);
  const chosen = members.filter((member) => member.shape.name.safeParse(value.name).success);
  return chosen.length > 0 ? chosen : members;
}

/** The schema inside defaults and transforms. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.unwrap());
  }
  if (schema instanceof z.ZodPipe) return unwrap(schema.in instanceof z.ZodTransform ? schema.out : schema.in);
  return schema;
}
