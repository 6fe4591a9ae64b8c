import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = process.env.ADVPROP_TEST_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));

/**
 * The folder of a real data set that a test needs, looked for in the folder that the environment variable
 * ADVPROP_TEST_DATA names, else in ../shared/data beside the repository.
 *
 * @returns undefined where it is absent, which is said once on the console: the test should then skip itself
 */
export function testData(name: string): string | undefined {
  const path = join(root, name);
  if (existsSync(path)) return path;
  console.warn(`no test data at ${path}: tests that need ${name} are skipped (set ADVPROP_TEST_DATA)`);
  return undefined;
}
