/**
 * A strict parser for the headers of tar archives: ustar (POSIX.1-1988), with the extensions of pax (POSIX.1-2001) and of GNU for
 * long names and large sizes. An archive is a sequence of members. Each is a header of one block, followed by its bytes, padded
 * to whole blocks.
 */

export const BLOCK = 512;

/** The fields of a header. */
export interface TarHeader {
  readonly name: string;
  /** Bytes that follow the header. */
  readonly size: number;
  /** `extended` and `long-name` describe the next member. `ignored` can be skipped. */
  readonly kind: "file" | "folder" | "extended" | "long-name" | "ignored";
}

/** Throws an error with the reason why an archive cannot be read. */
export type Refuse = (reason: string) => never;

const KINDS: Readonly<Record<string, TarHeader["kind"]>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "5": "folder",
  x: "extended",
  g: "ignored",
  L: "long-name",
  V: "ignored",
};
const REFUSED: Readonly<Record<string, string>> = {
  "1": "a link",
  "2": "a link",
  K: "a link",
  "3": "a device",
  "4": "a device",
  "6": "a pipe",
  S: "a sparse file",
};

/**
 * Reads the block of a header.
 *
 * @param block of {@link BLOCK} bytes
 * @returns undefined for a block of zeros, which marks the end
 */
export function readTarHeader(block: Uint8Array, refuse: Refuse): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  let sum = 0;
  let signed = 0;
  block.forEach((byte, i) => {
    // The field of the checksum itself counts as spaces. Some old programs added signed bytes.
    const counted = i >= 148 && i < 156 ? 32 : byte;
    sum += counted;
    signed += counted > 127 ? counted - 256 : counted;
  });
  const expected = numberOf(block.subarray(148, 156), refuse);
  if (expected !== sum && expected !== signed) refuse("the header of a member is damaged, or it is not a tar archive");
  const type = String.fromCharCode(block[156]);
  const own = textOf(block.subarray(0, 100), refuse);
  // GNU writes times where ustar has the prefix.
  const prefix = textOf(block.subarray(257, 263), refuse) === "ustar" ? textOf(block.subarray(345, 500), refuse) : "";
  const name = prefix === "" ? own : `${prefix}/${own}`;
  const kind = KINDS[type];
  if (kind === undefined) {
    refuse(
      `${JSON.stringify(name)} is ${REFUSED[type] ?? `of the unknown type ${JSON.stringify(type)}`}; only files are supported`,
    );
  }
  const size = numberOf(block.subarray(124, 136), refuse);
  return { name, size, kind: kind === "file" && name.endsWith("/") ? "folder" : kind };
}

/** The fields of an extended header of pax, which apply to the next member. */
export function readPaxRecords(bytes: Uint8Array, refuse: Refuse): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const digits = space < 0 ? "" : Buffer.from(bytes.subarray(at, space)).toString("latin1");
    const length = /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    if (length === 0 || end > bytes.length || end <= space + 1 || bytes[end - 1] !== 10)
      refuse("an extended header is damaged");
    const record = textOf(bytes.subarray(space + 1, end - 1), refuse);
    const equals = record.indexOf("=");
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (equals < 1) refuse("an extended header is damaged");
    if (key.startsWith("GNU.sparse")) refuse("it holds a sparse file; only plain files are supported");
    if (key === "path") found.path = value;
    if (key === "size") {
      found.size = /^\d{1,15}$/.test(value) ? Number(value) : refuse(`a size is ${JSON.stringify(value)}`);
    }
    at = end;
  }
  return found;
}

/** The text of a field, up to its first zero byte. */
export function textOf(field: Uint8Array, refuse: Refuse): string {
  const end = field.indexOf(0);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(end < 0 ? field : field.subarray(0, end));
  } catch {
    return refuse("a name is not UTF-8");
  }
}

/** An octal number in text, or a binary number in the format of GNU. */
function numberOf(field: Uint8Array, refuse: Refuse): number {
  if (field[0] >= 0x80) {
    if (field[0] !== 0x80) refuse("a size is negative");
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    return Number.isSafeInteger(value) ? value : refuse("a size is too large");
  }
  const text = Buffer.from(field)
    .toString("latin1")
    .replace(/[\0 ]+$/, "")
    .trimStart();
  if (text.startsWith("-")) refuse("a size is negative");
  if (!/^[0-7]*$/.test(text)) refuse("the header of a member is damaged, or it is not a tar archive");
  return text === "" ? 0 : Number.parseInt(text, 8);
}
