import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, onTestFinished } from "vitest";

/** A new empty folder that goes away with the test that asked for it. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "advprop-test-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A new empty folder that goes away with the tests of the file or the `describe` that asked for it. */
export function sharedTemporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "advprop-test-"));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A new folder with these empty files; a name that ends in "/" makes a folder. */
export function folderOf(...names: string[]): string {
  const root = temporaryFolder();
  for (const name of names) {
    const path = join(root, name);
    mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
    if (!name.endsWith("/")) writeFileSync(path, "");
  }
  return root;
}

/** Does something as a user who is not root, for whom permissions count. */
export async function unprivileged<T>(work: () => T | Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
