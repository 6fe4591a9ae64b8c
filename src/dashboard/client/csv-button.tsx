/** The button of a chart or a table that saves what it shows. */
import type { ComponentChildren } from "preact";

/** @param children what is saved, for those who do not see where the button stands: "of the runs" */
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
