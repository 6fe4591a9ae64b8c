import { describe, expect, test } from "vitest";
import { advprop } from "../support/cli.js";

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

  test("synchronized batch norms are refused in one process", () => {
    const { status, stderr } = advprop(["train", "--data", "shapes", "--sync-bn"]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("--sync-bn has no effect with one process")]);
  });
});
