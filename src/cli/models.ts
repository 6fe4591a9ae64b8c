import type { Command } from "commander";

/** `advprop models [--json]`: every network with its counts, auxiliary routes left out. */
export function define(command: Command): void {
  command
    .option("--json", "print a JSON array of { name, parameters, batchNorms, batchNormChannels, imageSize }")
    .action(async ({ json }: { json?: boolean }) => {
      // Not the registry, which needs libtorch.
      const { MODEL_SUMMARIES: summaries } = await import("../models/summaries.js");
      if (json) {
        console.log(JSON.stringify(summaries, undefined, 2));
        return;
      }
      const rows = [
        ["name", "parameters", "batch norms", "their channels", "image size"],
        ...summaries.map(({ name, parameters, batchNorms, batchNormChannels, imageSize }) => [
          name,
          parameters.toLocaleString("en"),
          String(batchNorms),
          batchNormChannels.toLocaleString("en"),
          String(imageSize),
        ]),
      ];
      const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
      for (const row of rows) {
        console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  "));
      }
    });
}
