import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What a program prints that has imported a folder's scripts/places.mjs as `places`. */
function inPackage(folder: string, program: string, env: NodeJS.ProcessEnv = {}, before = "") {
  const places = JSON.stringify(pathToFileURL(join(folder, "scripts/places.mjs")).href);
  const source = `${before}; const places = await import(${places}); console.log(${program})`;
  const args = ["--input-type=module", "--eval", source];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, ...env } });
  return { stdout: stdout.trim(), stderr };
}

function copy(folder: string, ...names: readonly string[]): string {
  for (const name of names) {
    const filter = (path: string) => !path.includes("build/native/cmake");
    cpSync(join(ROOT, name), join(folder, name), { recursive: true, filter, preserveTimestamps: true });
  }
  return folder;
}

describe("an installed package", () => {
  const installed = copy(join(sharedTemporaryFolder(), "node_modules/advprop"), "package.json", "scripts/places.mjs");

  test("has its engine in a folder of the user's, by version and processor", () => {
    const folder = inPackage(installed, "places.engineFolder()", { XDG_CACHE_HOME: "/some/cache" }).stdout;
    expect(folder).toMatch(/^\/some\/cache\/advprop\/engine-\d+\.\d+\.\d+-[0-9a-f]{12}$/);
    const env = { XDG_CACHE_HOME: "relative", HOME: "/some/home" };
    expect(inPackage(installed, "places.engineFolder()", env).stdout).toBe(
      folder.replace("/some/cache", "/some/home/.cache"),
    );
  });

  test("is set up by its own command", () => {
    expect(inPackage(installed, "places.ENGINE_REMEDY").stdout).toBe("Run: npx advprop setup");
  });

  test("says elsewhere than on Linux what the engine needs", () => {
    for (const platform of ["darwin", "win32"]) {
      const other = `Object.defineProperty(process, "platform", { value: "${platform}" })`;
      const { stdout } = inPackage(installed, "places.ENGINE_REMEDY", {}, other);
      expect(stdout).toContain(`The engine needs Linux, and this is ${platform}`);
    }
  });
});

describe("a checkout", () => {
  test("has its engine in its own build folder", () => {
    expect(inPackage(ROOT, "places.engineFolder()").stdout).toBe(join(ROOT, "build/native"));
    expect(inPackage(ROOT, "places.ENGINE_REMEDY").stdout).toBe("Run: npm run setup");
  });

  test("that is copied with its build is up to date, and no longer when a source changes", () => {
    const folder = copy(temporaryFolder(), "package.json", "tsconfig.build.json", "scripts", "native", "build/native");
    const check = () => spawnSync(process.execPath, [join(folder, "scripts/build-native.mjs"), "--check"]).status;
    expect(check()).toBe(0);
    cpSync(join(folder, "native/tensors/handles.h"), join(folder, "native/more.h"));
    expect(check()).toBe(1);
  });
});

test("the library is imported without its engine, which the first tensor asks for", () => {
  const [library, engine] = ["index", "engine"].map((name) =>
    JSON.stringify(pathToFileURL(join(ROOT, `dist/${name}.js`)).href),
  );
  const source = `
    const { shapesDataset } = await import(${library});
    const { fromArray } = await import(${engine});
    console.log(shapesDataset({ split: "test", count: 10, size: 32, seed: 0 }).length);
    try { fromArray([1], [1]); } catch ({ code, message }) { console.log(code, message); }`;
  const block = join(ROOT, "test/support/block-addon.cjs");
  const { stdout, stderr } = spawnSync(process.execPath, ["-r", block, "--input-type=module", "--eval", source], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^10\nERR_ADDON the native engine does not load: the addon is not here: .*Run: npm run setup/);
});
