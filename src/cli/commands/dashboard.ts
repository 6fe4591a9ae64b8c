import type { Command } from "commander";
import { wholeNumber } from "../flags/set-flags.js";

interface DashboardFlags {
  readonly port: string;
  readonly host: string;
}

/** `advprop dashboard [runs] --port 8081`shows runs in a browser while they train. */
export function define(command: Command): void {
  command
    .argument("[runs]", "folder of runs, or one run", "runs")
    .option("--port <number>", "port to listen on; 0 chooses a free one", "8081")
    .option("--host <address>", "address to listen on; 0.0.0.0 lets other machines connect", "127.0.0.1")
    .action(dashboard);
}

async function dashboard(runs: string, flags: DashboardFlags): Promise<void> {
  const { startDashboard } = await import("../../dashboard/dashboard.js");
  const server = await startDashboard(runs, {
    port: wholeNumber("dashboard", "--port", flags.port, 0),
    host: flags.host,
  });
  console.log(`Following ${runs} on ${server.url}. Open this address in a browser. Ctrl-C ends the program.`);
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await server.close();
}
