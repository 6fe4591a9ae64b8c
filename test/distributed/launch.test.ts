import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Launcher } from "../../src/distributed/launcher.js";
import { advprop } from "../support/cli.js";
import { temporaryFolder } from "../support/folders.js";

describe("launch", () => {
  test.each([
    [["launch", "--", "train"], "--processes"],
    [["launch", "--processes", "0", "--", "train"], "--processes must be a whole number of at least 1"],
    [["launch", "--processes", "2", "--", "evaluate", "run"], "the command after -- must be train"],
    [["launch", "--processes", "2", "--max-restarts", "1", "--", "train", "--data", "shapes"], "train --run DIR"],
  ])("%j is refused", (args, message) => {
    const { status, stderr } = advprop(args);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  test("a stop before the ranks are started starts none", async () => {
    const file = join(temporaryFolder(), "started");
    const program = ["-e", `require("node:fs").writeFileSync(${JSON.stringify(file)}, "")`];
    const launcher = () => new Launcher({ program, processes: 2, maxRestarts: 0, say: () => {} });
    const stopped = launcher();
    const end = stopped.run();
    stopped.stop("SIGTERM");
    expect(await end).toBe("stopped");
    expect(existsSync(file)).toBe(false);
    expect(await launcher().run()).toBe("finished");
    expect(existsSync(file)).toBe(true);
  });

  test("synchronized batch norms are refused in one process", () => {
    const { status, stderr } = advprop(["train", "--data", "shapes", "--sync-bn"]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("--sync-bn has no effect with one process")]);
  });
});
