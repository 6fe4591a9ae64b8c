/** The flag `--set PATH=VALUE`, which may be repeated. */
import { Option } from "commander";
import { parseDocument } from "yaml";
import { UsageError } from "../../errors.js";
import type { RecipeChange } from "../../recipes/resolve.js";

export const setOption = (): Option =>
  new Option("--set <path=value>", "set any value of the recipe; may be repeated")
    .argParser((value: string, all: readonly string[]) => [...all, value])
    .default([]);

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
