/** Prints the events of a comparison on standard error. */
import type { CompareEvent } from "../../api/compare/events.js";
import { withFlags } from "../flags/flag-names.js";
import { EvaluationReport } from "./evaluation-report.js";
import { TrainingReport } from "./training-report.js";

/** Prints runs, notes and progress as they come; if quiet, only warnings. */
export class ComparisonReport {
  readonly #quiet: boolean;
  readonly #evaluation: EvaluationReport;
  #training: TrainingReport;

  constructor(quiet: boolean) {
    this.#quiet = quiet;
    this.#evaluation = new EvaluationReport(quiet);
    this.#training = new TrainingReport(quiet);
  }

  /** Prints a line that is not overwritten. */
  say(line: string): void {
    this.#training.say(line);
  }

  show(event: CompareEvent): void {
    switch (event.type) {
      case "run": {
        const { number, runs, arm, repetition, state, run } = event;
        const how = state === "new" ? "" : state === "resumed" ? ", resumed" : ", already finished";
        this.say(`Run ${number} of ${runs}: ${arm}, ${repetition}${how} (${run})`);
        this.#training = new TrainingReport(this.#quiet);
        break;
      }
      case "training":
        // The end of a single training names the next command, which does not apply inside a comparison.
        if (event.event.type !== "finished") this.#training.show(event.event);
        else this.#training.end();
        break;
      case "failed":
        this.#training.end();
        process.stderr.write(`Failed: ${event.run}: ${withFlags(event.message)}\n`);
        break;
      case "unfinished":
        this.#training.end();
        process.stderr.write(`Unfinished: ${event.run}: ${withFlags(event.message)}\n`);
        break;
      case "evaluation":
        this.#training.end();
        this.#evaluation.show(event.event);
        break;
      case "note":
        this.say(withFlags(event.message));
    }
  }

  /** Ends the progress line on a terminal. */
  end(): void {
    this.#training.end();
  }
}
