/** Simulates two hosts by two network namespaces, each with its own loopback and address. Needs root and `ip netns`. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/folders.js";
import { type Rank, startCommand, startRanks } from "../support/ranks.js";

const MAIN = "../../dist/cli/main.js";
const PORT = 29_555;
const TRAIN = [
  ...["train", "--data", "shapes", "--limit-train", "32", "--batch-size", "16", "--epochs", "2", "--threads", "1"],
  ...["--attack-steps", "1", "--set", "data.shapes.validationImages=16", "--set", "data.shapes.images=32"],
];
const HOSTS = [0, 1].map((number) => ({
  name: `advprop-${process.pid}-${number}`,
  link: `ap${process.pid % 1e6}-${number}`,
}));

const ip = (...args: string[]): boolean => spawnSync("ip", args).status === 0;

/** Makes both hosts with a connection between them; false if the system does not allow it. */
function makeHosts(): boolean {
  const [first, second] = HOSTS;
  if (!HOSTS.every(({ name }) => ip("netns", "add", name))) return false;
  if (!ip("link", "add", first.link, "type", "veth", "peer", "name", second.link)) return false;
  return HOSTS.every(
    ({ name, link }, number) =>
      ip("link", "set", link, "netns", name) &&
      ip("-n", name, "address", "add", `10.77.0.${number + 1}/24`, "dev", link) &&
      ip("-n", name, "link", "set", link, "up") &&
      ip("-n", name, "link", "set", "lo", "up"),
  );
}

const hosts = makeHosts();
afterAll(() => {
  for (const { name } of HOSTS) ip("netns", "delete", name);
});

/** Starts a rank on its host as a cluster does, without the number of ranks per host. */
function startOn(rank: number, run: string): Rank {
  const program = [process.execPath, fileURLToPath(new URL(MAIN, import.meta.url)), ...TRAIN, "--run", run];
  return startCommand("ip", ["netns", "exec", HOSTS[rank].name, ...program], {
    RANK: String(rank),
    WORLD_SIZE: "2",
    MASTER_ADDR: "10.77.0.1",
    MASTER_PORT: String(PORT),
  });
}

describe.skipIf(!hosts)("two hosts", () => {
  test("give the same result as two processes of one host, bit for bit", async () => {
    const [apart, together] = ["apart", "together"].map((name) => join(temporaryFolder(), name));
    const ranks = [startOn(0, apart), startOn(1, apart)];
    for (const { status, stderr } of await Promise.all(ranks.map((rank) => rank.ended))) {
      expect([status, stderr]).toEqual([0, expect.anything()]);
    }
    const same = await startRanks(2, MAIN, [...TRAIN, "--run", together]);
    for (const { status } of await Promise.all(same.map((rank) => rank.ended))) expect(status).toBe(0);
    const last = (run: string) => readFileSync(join(run, "checkpoints", "last.safetensors"));
    expect(last(apart).equals(last(together))).toBe(true);
  });

  test("name the other host after the connection is cut", async () => {
    const run = join(temporaryFolder(), "run");
    const ranks = [startOn(0, run), startOn(1, run)];
    const said = new Promise<void>((resolve) => {
      ranks[0].process.stderr?.on("data", (text) => {
        if (String(text).includes("step")) resolve();
      });
    });
    await said;
    const at = Date.now();
    expect(ip("-n", HOSTS[0].name, "link", "set", HOSTS[0].link, "down")).toBe(true);
    const [first, second] = await Promise.all(ranks.map((rank) => rank.ended));
    ip("-n", HOSTS[0].name, "link", "set", HOSTS[0].link, "up");
    expect([first.status, first.stderr]).toEqual([1, expect.stringContaining("advprop: rank 1 (process")]);
    expect([second.status, second.stderr]).toEqual([1, expect.stringContaining("advprop: rank 0 (process")]);
    for (const end of [first, second]) expect(end.at - at).toBeLessThan(30_000);
  });
});
