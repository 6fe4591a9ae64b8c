/** The state of a run as a sign and a word, so that it does not depend on colour. */
import type { RunState } from "../wire.js";

const SIGNS: Readonly<Record<RunState, readonly [sign: string, title: string]>> = {
  running: ["▶", "the run is training"],
  finished: ["✓", "the training has ended"],
  stopped: ["‖", "the run was stopped and can be resumed"],
  failed: ["✕", "the run ended with an error"],
  crashed: ["!", "the process of the run no longer responds; the run can be resumed"],
  unreadable: ["?", "the run cannot be read"],
};

export function StateMark({ state, bare = false }: { readonly state: RunState; readonly bare?: boolean }) {
  const [sign, title] = SIGNS[state];
  return (
    <span class={`state ${state}`} title={`${state}: ${title}`}>
      <span aria-hidden="true">{sign}</span> <span class={bare ? "unseen" : undefined}>{state}</span>
    </span>
  );
}
