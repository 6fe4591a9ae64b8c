/** Sends requests to the worker, one after the other. */
import type { WebModel } from "../../runs/web-models.js";
import type { Severities } from "./corruptions.js";
import type { Request, Response, Result } from "./protocol.js";

export class Client {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  /** Settles when all requests so far are done. */
  #last: Promise<unknown> = Promise.resolve();

  /** Loads the models. The list of models arrives before they are loaded. */
  open(onModels: (models: readonly WebModel[]) => void): Promise<unknown> {
    return this.#ask({ type: "open", page: document.baseURI }, onModels);
  }

  /** @throws Error with a message for the user: the file is not a photo */
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
    // A failed request does not stop the next one.
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}
