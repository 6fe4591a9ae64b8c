/** Numbers and times as people read them. */

export const NONE = "–";

export const percent = (value: number | undefined, digits = 1): string =>
  value === undefined || !Number.isFinite(value) ? NONE : `${(100 * value).toFixed(digits)} %`;

/** Half the width of the normal 95 % interval of a share over `count` images, in percentage points. */
export const marginText = (share: number, count: number): string =>
  count > 0 ? `± ${(196 * Math.sqrt((share * (1 - share)) / count)).toFixed(1)}` : "";

/** A number with four significant digits. */
export function short(value: number | undefined | null): string {
  if (value === undefined || value === null || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  if (size >= 1000) return Math.round(value).toLocaleString("en-US").replaceAll(",", "\u2009");
  return String(+value.toPrecision(4));
}

export function duration(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return NONE;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function ago(milliseconds: number, now: number): string {
  const seconds = Math.max(0, now - milliseconds) / 1000;
  return seconds < 10 ? "just now" : `${duration(seconds)} ago`;
}

export const dateText = (iso: unknown): string => {
  const date = new Date(String(iso));
  return Number.isNaN(date.getTime())
    ? NONE
    : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
};

export const bytes = (value: number): string => `${(value / 2 ** 30).toFixed(1)} GiB`;
