/** Prints the events of an evaluation on standard error. */
import type { AttackCostEvent, EvaluationEvent, WrittenEvent } from "../../api/evaluation/events.js";
import { duration } from "../../runs/wording.js";
import { withFlags } from "../flags/flag-names.js";
import { CountLine } from "./count-line.js";
import { BatchProgress } from "./progress.js";
import { SuiteProgressLine } from "./suite-progress.js";

/** Prints notes and progress as they come; if quiet, only warnings. */
export class EvaluationReport {
  readonly #download: CountLine;
  readonly #pass: BatchProgress;
  readonly #suite: SuiteProgressLine;

  constructor(quiet: boolean) {
    this.#download = new CountLine("bytes", quiet);
    this.#pass = new BatchProgress(quiet);
    this.#suite = new SuiteProgressLine(quiet);
  }

  show(event: EvaluationEvent): void {
    switch (event.type) {
      case "download":
        this.#download.show(event.doneBytes, event.totalBytes);
        break;
      case "note":
        this.#download.end();
        if (event.warning) process.stderr.write(`${withFlags(event.message)}\n`);
        else this.#suite.say(withFlags(event.message));
        break;
      case "cost":
        this.#suite.say(withFlags(describeCost(event)));
        break;
      case "pass":
        // Hours may pass between two of these events, so each gets its own line.
        if (event.costly)
          this.#suite.say(`${event.name}: ${event.done}/${event.total} images, ${event.standing} stand`);
        else this.#pass.show(event.name, event.done, event.total);
        break;
      case "subset":
        this.#suite.show(event);
        break;
      case "written":
        this.#suite.say(describeWritten(event));
        break;
      case "unsaved":
        // The command prints the result.
        break;
    }
  }
}

function describeWritten({ files }: WrittenEvent): string {
  const [file, chart] = files;
  return chart?.endsWith(".png") ? `Saved ${file} and its confusion matrix, ${chart}` : `Saved ${files.join(", ")}`;
}

function describeCost({ attack, images, limited, forward, backward, seconds }: AttackCostEvent): string {
  const subset = limited ? ` (the first ${images}; \`limitTest\` changes it)` : "";
  return (
    `${attack} on ${images} images${subset}: at most ${forward.toLocaleString("en")} forward and ` +
    `${backward.toLocaleString("en")} backward passes of single images, at most about ${duration(seconds)}`
  );
}
