import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
