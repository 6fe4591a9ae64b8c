/** The flag `--set PATH=VALUE`, which may be repeated. */
import { Option } from "commander";
import { parseDocument } from "yaml";
import { UsageError } from "../../errors.js";
import type { RecipeChange } from "../../recipes/resolve.js";

export const setOption = (): Option =>
  new Option("--set <path=value>", "set any value of the recipe; may be repeated")
    .argParser((value: string, all: readonly string[]) => [...all, value])
    .default([]);

/** The same for an evaluation, which takes no more of a recipe than the attack. */
export const attackSetOption = (): Option =>
  new Option("--set <attack.key=value>", "set any key of the attack; may be repeated")
    .argParser((value: string, all: readonly string[]) => [...all, value])
    .default([]);

/**
 * What the settings say of the attack, by its keys; whether these are right is checked where it is planned.
 *
 * @throws UsageError ERR_SETTING a setting has another form, or is of another section
 */
export function attackSettings(settings: readonly string[]): Record<string, unknown> {
  const entries = settingChanges(settings).map(({ path, value, source }) => {
    const [, key] = /^attack\.(\w+)$/.exec(path) ?? [];
    if (key !== undefined && key !== "name") return [key, value] as const;
    throw new UsageError(
      "ERR_SETTING",
      `${source}: here the path must be a key of the attack, as in attack.randomStart=false`,
    );
  });
  return Object.fromEntries(entries);
}

/**
 * The recipe changes of the settings. Their paths and values are checked where they are applied.
 *
 * @param settings for instance "optimizer.lr=0.2"; the value is YAML
 * @throws UsageError ERR_SETTING a setting does not have this form; the message lists all such settings
 */
export function settingChanges(settings: readonly string[]): RecipeChange[] {
  const problems: string[] = [];
  const changes = settings.flatMap((setting): RecipeChange[] => {
    const equals = setting.indexOf("=");
    const value = parseDocument(setting.slice(equals + 1), { prettyErrors: false });
    if (equals < 1) {
      problems.push(`--set ${setting}: must have the form path=value, as in optimizer.lr=0.2.`);
    } else if (value.errors.length > 0) {
      problems.push(`--set ${setting}: the value must be YAML: ${value.errors[0].message}`);
    } else {
      return [{ path: setting.slice(0, equals).trim(), value: value.toJS(), source: `--set ${setting}` }];
    }
    return [];
  });
  if (problems.length > 0) throw new UsageError("ERR_SETTING", problems.join("\n"));
  return changes;
}
