/** The built page of the dashboard. */
import { readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";

/** A file of the page. */
export interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  /** Whether the name changes with the contents, so that a browser may cache the file. */
  readonly lasting: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** All files by their addresses, read once, so that no request can name a path; empty if the page was not built. */
export function pageFiles(folder: string): ReadonlyMap<string, PageFile> {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return new Map();
  }
  const files = names
    .filter((name) => extname(name) in TYPES)
    .map((name): [string, PageFile] => {
      const path = join(folder, name);
      const address = `/${relative(folder, path).split(sep).join("/")}`;
      const file = {
        bytes: new Uint8Array(readFileSync(path)),
        type: TYPES[extname(name)],
        lasting: address !== "/index.html",
      };
      return [address === "/index.html" ? "/" : address, file];
    });
  return new Map(files);
}
