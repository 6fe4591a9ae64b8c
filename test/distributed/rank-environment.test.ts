import { describe, expect, test } from "vitest";
import { rankEnvironment } from "../../src/distributed/rank-environment.js";
import { error } from "../support/errors.js";

describe("the rank environment", () => {
  test("is undefined for a single process", () => {
    expect(rankEnvironment({})).toBeUndefined();
    expect(rankEnvironment({ RANK: "", WORLD_SIZE: "" })).toBeUndefined();
    expect(rankEnvironment({ RANK: "0", WORLD_SIZE: "1" })).toBeUndefined();
  });

  test("has torch's defaults, and a long join time for ranks that start one by one", () => {
    expect(rankEnvironment({ RANK: "1", WORLD_SIZE: "4" })).toEqual({
      ...{ rank: 1, size: 4, localRank: 0, localSize: 1, host: "127.0.0.1", port: 29500, restarts: 0 },
      joinSeconds: 600,
    });
  });

  test("avoids the port of torchrun's store", () => {
    const env = {
      ...{
        RANK: "3",
        WORLD_SIZE: "4",
        LOCAL_RANK: "1",
        LOCAL_WORLD_SIZE: "2",
        MASTER_ADDR: "node0",
        MASTER_PORT: "29400",
      },
      ...{ TORCHELASTIC_RESTART_COUNT: "2", TORCHELASTIC_USE_AGENT_STORE: "True" },
    };
    const place = { rank: 3, size: 4, localRank: 1, localSize: 2, host: "node0", restarts: 2, joinSeconds: 25 };
    expect(rankEnvironment(env)).toEqual({ ...place, port: 29401 });
    expect(rankEnvironment({ ...env, ADVPROP_PORT: "7000" })).toEqual({ ...place, port: 7000 });
    expect(rankEnvironment({ ...env, TORCHELASTIC_USE_AGENT_STORE: "False" })).toEqual({ ...place, port: 29400 });
  });

  test.each([
    [{ RANK: "1" }, "WORLD_SIZE"],
    [{ WORLD_SIZE: "2" }, "RANK"],
    [{ RANK: "2", WORLD_SIZE: "2" }, "RANK must be a whole number from 0 to 1; got 2"],
    [{ RANK: "0", WORLD_SIZE: "two" }, "WORLD_SIZE must be a whole number of at least 1; got two"],
    [{ RANK: "0", WORLD_SIZE: "2", MASTER_PORT: "70000" }, "MASTER_PORT"],
    [{ RANK: "0", WORLD_SIZE: "2", LOCAL_WORLD_SIZE: "3" }, "LOCAL_WORLD_SIZE"],
  ])("is refused for %j", (env, message) => {
    expect(() => rankEnvironment(env)).toThrow(error("ERR_RANK_SETTING", new RegExp(message)));
  });
});
