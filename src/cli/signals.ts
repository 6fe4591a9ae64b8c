/** Signals that ask a training to stop. */

/** Ctrl-C and SIGTERM ask the run to stop after the current step; a second signal ends the process at once. */
export function stopOnSignals(say: (line: string) => void): {
  signal: AbortSignal;
  stop(): void;
  dispose(): void;
} {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(1);
    say(`\n${name}: finishing this step and saving. Press Ctrl-C again to stop at once without saving.`);
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    stop: () => controller.abort(),
    dispose: () => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
