/** The worker, asked one thing after the other. */
import type { WebModel } from "../../runs/web-models.js";
import type { Severities } from "./corruptions.js";
import type { Request, Response, Result } from "./protocol.js";

export class Client {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  /** The end of what was asked so far. */
  #last: Promise<unknown> = Promise.resolve();

  /** Loads the models; the list is known before they are. */
  open(onModels: (models: readonly WebModel[]) => void): Promise<unknown> {
    return this.#ask({ type: "open", page: document.baseURI }, onModels);
  }

  /** @throws Error a message for the user: it is no photo */
  show(photo: File): Promise<unknown> {
    return this.#ask({ type: "photo", photo });
  }

  async classify(severities: Severities): Promise<Result> {
    const answer = await this.#ask({ type: "classify", severities });
    if (answer.type !== "classified") throw new Error(`the worker answered ${answer.type}`);
    return answer.result;
  }

  #ask(request: Request, onModels?: (models: readonly WebModel[]) => void): Promise<Response> {
    const answer = this.#last.then(
      () =>
        new Promise<Response>((settle, fail) => {
          this.#worker.onmessage = ({ data }: MessageEvent<Response>) => {
            if (data.type === "models") onModels?.(data.models);
            else if (data.type === "failed") fail(new Error(data.message));
            else settle(data);
          };
          this.#worker.onerror = ({ message }) =>
            fail(new Error(message || "This browser cannot run the page's worker."));
          this.#worker.postMessage(request);
        }),
    );
    // What failed does not hold up what is asked next.
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}
