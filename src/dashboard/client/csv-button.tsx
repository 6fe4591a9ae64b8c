/** The button of a chart or table that saves its values as CSV. */
import type { ComponentChildren } from "preact";

/** @param children what is saved, for screen readers: "of the runs" */
export function CsvButton({
  onClick,
  children,
}: {
  readonly onClick: () => void;
  readonly children: ComponentChildren;
}) {
  return (
    <button type="button" class="quiet" onClick={onClick}>
      CSV<span class="unseen"> {children}</span>
    </button>
  );
}
