/** Groups images that arrive at the same time into batches. */

/** Runs a batch: N images to N answers, in their order. */
export type RunBatch<Image, Answer> = (images: readonly Image[]) => Promise<readonly Answer[]>;

/**
 * Processes single images in batches: images that arrive while a batch runs wait for the next batch. An image that arrives while no
 * batch runs does not wait.
 *
 * @param most largest number of images in a batch
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
      // Begins after this turn of the event loop, so that all images that arrive in it are included.
      if (!running) {
        running = true;
        setImmediate(() => void work());
      }
    });
}
