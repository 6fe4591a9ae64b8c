/** What is shown, as a file for other programs. */

export type CsvCell = string | number | null | undefined;

/** Gives a file of lines to the reader of the page. Quoting as in RFC 4180. */
export function saveCsv(name: string, lines: readonly (readonly CsvCell[])[]): void {
  const quoted = (cell: CsvCell) => {
    const text = String(cell ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const text = lines.map((cells) => `${cells.map(quoted).join(",")}\r\n`).join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `${name}.csv`;
  link.click();
  // The browser has taken it by the next turn.
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
