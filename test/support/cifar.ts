import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Writes a file of the right size whose records are zero but for the first ones; the zeros take no disk space. */
function writeRecords(file: string, size: number, first: Uint8Array): void {
  const descriptor = openSync(file, "w");
  ftruncateSync(descriptor, size);
  writeSync(descriptor, first, 0, first.length, 0);
  closeSync(descriptor);
}

/** A made-up CIFAR-10 of the published size: `first` opens `data_batch_1.bin` and `test_batch.bin`, the rest is zero. */
export function writeCifar10(folder: string, first: Uint8Array): void {
  mkdirSync(folder, { recursive: true });
  for (const name of ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]) {
    const start = name === "data_batch_1" || name === "test_batch" ? first : new Uint8Array();
    writeRecords(join(folder, `${name}.bin`), 10_000 * 3073, start);
  }
}

/** A made-up CIFAR-100 test part of the published size, and a train part too small to be one. */
export function writeCifar100(folder: string, first: Uint8Array): void {
  mkdirSync(folder, { recursive: true });
  writeRecords(join(folder, "test.bin"), 10_000 * 3074, first);
  writeFileSync(join(folder, "train.bin"), first);
}

/** One record: label bytes, then pixel (row, column) of channel c = `value(row, column, c)`, plane by plane. */
export function cifarRecord(
  labels: readonly number[],
  value: (row: number, column: number, channel: number) => number,
): Uint8Array {
  const planes = [0, 1, 2].flatMap((channel) =>
    Array.from({ length: 1024 }, (_, i) => value(Math.floor(i / 32), i % 32, channel)),
  );
  return Uint8Array.from([...labels, ...planes]);
}
