/** Prints the events of a training on standard error. */

import type { TrainEvent, TrainResult } from "../../api/events.js";
import type { Part } from "../../data/folders/image-folder.js";
import { shellWord } from "../../errors.js";
import { withFlags } from "../flags/flag-names.js";
import { loadedPartsFlags } from "../loaded-parts.js";
import { CountLine } from "./count-line.js";
import { ProgressLine } from "./progress.js";

/** Prints notes and progress as they come; if quiet, only warnings. */
export class TrainingReport {
  readonly #progress = new ProgressLine();
  readonly #quiet: boolean;
  readonly #download: CountLine;
  #training = false;

  constructor(quiet: boolean) {
    this.#quiet = quiet;
    this.#download = new CountLine("bytes", quiet);
  }

  /** Prints a line that is not overwritten. */
  say(line: string): void {
    if (this.#quiet) return;
    this.end();
    process.stderr.write(`${line}\n`);
  }

  show(event: TrainEvent): void {
    if (this.#quiet) {
      if (event.type === "note" && event.warning) process.stderr.write(`${withFlags(event.message)}\n`);
      return;
    }
    switch (event.type) {
      case "download":
        this.#download.show(event.doneBytes, event.totalBytes);
        break;
      case "note":
        this.#download.end();
        this.say(withFlags(event.message));
        break;
      case "started": {
        const { run, recipe, data } = event;
        this.say(`${recipe.method} of ${recipe.model} on ${data.trainingImages} images of ${data.name}; run: ${run}`);
        break;
      }
      case "step":
      case "epoch":
      case "validation":
        this.#training = true;
        this.#progress.show(event);
        break;
      case "finished":
        for (const line of describeEnd(event)) this.say(line);
    }
  }

  /** Ends the progress line on a terminal, so that further output starts on a new line. */
  end(): void {
    if (this.#training && !this.#quiet) this.#progress.end();
    this.#training = false;
  }
}

function describeEnd(result: TrainResult): string[] {
  const { run, status, reason, step, reading, data, best } = result;
  const lines: string[] = [];
  // A resumed run that had finished reads no photos.
  if (reading !== undefined && reading.imagesPerSecond > 0) {
    lines.push(
      `Photos were read at up to ${reading.imagesPerSecond.toFixed(0)} images/s; training waited for them ` +
        `${(100 * reading.waitingShare).toFixed(1)} % of its time.`,
    );
    const { keptShare } = reading;
    if (keptShare > 0) lines.push(`${(100 * keptShare).toFixed(0)} % of the photos were kept decoded in memory.`);
  }
  if (status === "stopped") {
    const why = reason === "time budget" ? "The time budget is used up: stopped" : "Stopped";
    return [
      ...lines,
      `${why} after step ${step}; saved. Continue with: advprop train --run ${shellWord(run)} --resume${loadedPartsFlags()}`,
    ];
  }
  const why =
    reason === "early stopping"
      ? "Early stopping, because the validation accuracy no longer improved: finished"
      : "Finished";
  const command = evaluateCommand(run, data.parts, best !== undefined);
  return [...lines, `${why} after step ${step}. Evaluate with: ${command}${loadedPartsFlags()}`];
}

/**
 * The command that evaluates a run on images that did not choose its checkpoint.
 *
 * @param available the splits of its data
 * @param chosen    whether validation images chose a best checkpoint
 */
export function evaluateCommand(run: string, available: readonly Part[], chosen: boolean): string {
  const command = `advprop evaluate ${shellWord(run)}`;
  if (available.includes("test")) return command;
  if (!available.includes("validation")) return `${command} --data PATH`;
  return `${command} --split validation${chosen ? " --checkpoint last" : ""}`;
}
