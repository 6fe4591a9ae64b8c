/** Images that arrive together go through the network together. */

/** Runs a batch: N images to N answers, in their order. */
export type RunBatch<Image, Answer> = (images: readonly Image[]) => Promise<readonly Answer[]>;

/**
 * Answers single images by batches: while a batch is run, the images that arrive wait for the next one. An image that arrives
 * alone waits for nothing.
 *
 * @param most images of a batch
 */
export function inBatches<Image, Answer>(
  run: RunBatch<Image, Answer>,
  most: number,
): (image: Image) => Promise<Answer> {
  interface Waiting {
    readonly image: Image;
    readonly resolve: (answer: Answer) => void;
    readonly reject: (error: unknown) => void;
  }
  const waiting: Waiting[] = [];
  let running = false;
  const work = async () => {
    running = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, most);
      try {
        const answers = await run(batch.map(({ image }) => image));
        for (const [i, { resolve }] of batch.entries()) resolve(answers[i]);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    running = false;
  };
  return (image) =>
    new Promise((resolve, reject) => {
      waiting.push({ image, resolve, reject });
      // Begun after everything that arrives in this turn of the event loop.
      if (!running) {
        running = true;
        setImmediate(() => void work());
      }
    });
}
