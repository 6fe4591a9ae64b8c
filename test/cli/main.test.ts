import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { advprop } from "../support/cli.js";
import { temporaryFolder } from "../support/folders.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

describe("advprop", () => {
  test("--help lists every command with its summary", () => {
    const { status, stdout, stderr } = advprop(["--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const [name, summary] of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} +${summary}`, "m"));
  });

  test.each([
    ["--help", "Usage: advprop"],
    ["models", "efficientnet-b8  87,413,142"],
  ])("%s does not load libtorch", (word, said) => {
    const report =
      'process.on("exit", () => process.stderr.write(process.report.getReport().sharedObjects.join("\\n")));';
    const args = ["--import", `data:text/javascript,${report}`, MAIN, word];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(stdout.replace(/ {2,}/g, "  ")).toContain(said);
    expect(stderr).toContain("libc");
    expect(stderr).not.toMatch(/libtorch|advprop\.node/);
  });

  test("--version is the package's", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(advprop(["--version"]).stdout.trim()).toBe(manifest.version);
  });

  test("help of a command shows its options", () => {
    for (const args of [
      ["help", "doctor"],
      ["doctor", "--help"],
    ]) {
      const { status, stdout } = advprop(args);
      expect(status).toBe(0);
      expect(stdout).toContain("--json");
    }
  });

  test.each([
    [["train", "--data", "shapes", "--run", ""], "train: --run must not be empty"],
    [["train", "--run="], "train: --run must not be empty"],
    [["train", ""], "train: <recipe> must not be empty"],
    [["launch", "--processes", "2", "--", "train", "--run", ""], "launch: <command> must not be empty"],
    [["evaluate", "run", "--parts", ""], "evaluate: --parts must not be empty"],
    [["predict", "model.onnx", "photo.jpg", ""], "predict: <photos> must not be empty"],
    [["data", "get", "cifar10", "--to", ""], "data get: --to must not be empty"],
    [["serve", "model.onnx", "--host", ""], "serve: --host must not be empty"],
    [["dashboard", ""], "dashboard: <runs> must not be empty"],
  ])("refuses the empty value in %j, as of a variable that is not set, and writes nothing", (args, message) => {
    const cwd = temporaryFolder();
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { cwd, encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^advprop: ${message}\\. .*leave it out \\[ERR_FLAG\\]\n$`));
    expect(readdirSync(cwd)).toEqual([]);
  });

  test("misuse exits with 2 and names the nearest word", () => {
    expect(advprop(["docter"])).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringMatching(/unknown command 'docter'\s+\(Did you mean doctor\?\)/),
    });
    expect(advprop(["doctor", "--jsom"])).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringMatching(/unknown option '--jsom'\s+\(Did you mean --json\?\)/),
    });
    // "--epochs" is spelt alike, but eps is epsilon.
    expect(advprop(["train", "--eps", "1/255"])).toMatchObject({
      status: 2,
      stderr: "error: unknown option '--eps'\n(Did you mean --epsilon?)\n",
    });
    expect(advprop([])).toMatchObject({ status: 2, stdout: "" });
  });

  // npm 11 prints a warning for each unknown setting before the output of `npx advprop`.
  test("npm knows every setting of .npmrc, and runs no install scripts", () => {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const { stdout, stderr } = spawnSync("npm", ["config", "get", "ignore-scripts"], { cwd: root, encoding: "utf8" });
    expect({ stdout, stderr }).toEqual({ stdout: "true\n", stderr: "" });
  });

  test("a closed output pipe is not an error", () => {
    const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
    const pipeline = `"${process.execPath}" "${main}" doctor --json | true; exit "\${PIPESTATUS[0]}"`;
    const { stderr } = spawnSync("bash", ["-c", pipeline], { encoding: "utf8" });
    expect(stderr).toBe("");
  });
});
