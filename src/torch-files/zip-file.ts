/**
 * Reads files of torch.save since PyTorch 1.6: a zip archive with the object's pickle in NAME/data.pkl and each storage in
 * NAME/data/KEY, without compression.
 *
 * Source: `_save` in torch/serialization.py, https://github.com/pytorch/pytorch.
 */
import { statSync } from "node:fs";
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from "yauzl";
import { AdvPropError } from "../errors.js";
import { readRange, refuseTorchFile } from "./file-range.js";
import { MAX_PICKLE_BYTES, unpickle } from "./pickle.js";
import { type StorageLocation, Storages, storageBytes } from "./storages.js";
import type { TorchFile } from "./torch-file.js";

/** Maximum number of entries: more than the tensors of any network and its optimiser. */
const MAX_ENTRIES = 100_000;
/** Bytes of an entry's header before its name. */
const LOCAL_HEADER_BYTES = 30;
const STORED = 0;

/** Reads for yauzl. For an impossible position, yauzl's own reader throws from a callback, where no `catch` can handle it. */
class RangeReader extends RandomAccessReader {
  constructor(readonly path: string) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    let failure: Error | null = null;
    try {
      buffer.set(readRange(this.path, position, length), offset);
    } catch (error) {
      failure = error as Error;
    }
    setImmediate(callback, failure);
  }
}

/** @throws ERR_TORCH_FILE */
export async function readZipFile(path: string): Promise<TorchFile> {
  let archive: ZipFile | undefined;
  try {
    archive = await fromRandomAccessReaderPromise(new RangeReader(path), statSync(path).size, {
      autoClose: false,
      strictFileNames: true,
    });
    const entries = await listEntries(path, archive);
    const roots = [...entries.keys()].flatMap((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1] ?? []);
    if (roots.length !== 1) {
      return refuseTorchFile(path, "is a zip archive, but not one of torch.save: it must have one NAME/data.pkl.");
    }
    const [root] = roots;
    if (entries.has(`${root}/constants.pkl`)) {
      return refuseTorchFile(
        path,
        "is a TorchScript program, not weights. Write its weights in Python: torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE).",
      );
    }
    const location = (name: string) => locationOf(path, archive as ZipFile, entries, `${root}/${name}`);
    if (entries.has(`${root}/byteorder`)) {
      const { position, bytes } = await location("byteorder");
      const order = Buffer.from(readRange(path, position, Math.min(bytes, 6))).toString("latin1");
      if (order !== "little")
        return refuseTorchFile(path, "was written on a big-endian machine, which is not supported.");
    }
    const pickle = await location("data.pkl");
    if (pickle.bytes > MAX_PICKLE_BYTES) {
      return refuseTorchFile(path, `its data.pkl must have at most ${MAX_PICKLE_BYTES} bytes; got ${pickle.bytes}.`);
    }
    const storages = new Storages();
    const { value } = unpickle(readRange(path, pickle.position, pickle.bytes), {
      source: path,
      persistent: storages.persistent,
    });
    const locations = new Map<string, StorageLocation>();
    for (const storage of storages.all) {
      const found = await location(`data/${storage.key}`);
      if (found.bytes !== storageBytes(storage)) {
        return refuseTorchFile(
          path,
          `storage ${storage.key} must have ${storageBytes(storage)} bytes, as its tensors say; got ${found.bytes}. The file is damaged.`,
        );
      }
      locations.set(storage.key, found);
    }
    return { value, locations };
  } catch (error) {
    if (error instanceof AdvPropError) throw error;
    // yauzl found an error in the archive, or the file system refused a position from it.
    return refuseTorchFile(path, `is not a readable zip archive (${(error as Error).message}). It may be truncated.`);
  } finally {
    archive?.close();
  }
}

/** The entries by name. They must not overlap: overlapping entries can unpack to far more bytes than the archive has. */
async function listEntries(path: string, archive: ZipFile): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  for await (const entry of archive.eachEntry()) {
    if (entries.has(entry.fileName)) return refuseTorchFile(path, `has two entries named ${entry.fileName}.`);
    entries.set(entry.fileName, entry);
    if (entries.size > MAX_ENTRIES)
      return refuseTorchFile(path, `has more than ${MAX_ENTRIES} entries, which is the limit.`);
  }
  const inOrder = [...entries.values()].sort(
    (a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader || a.compressedSize - b.compressedSize,
  );
  let end = 0;
  for (const { fileName, fileNameLength, relativeOffsetOfLocalHeader, compressedSize } of inOrder) {
    if (relativeOffsetOfLocalHeader < end) {
      return refuseTorchFile(path, `its entry ${fileName} overlaps the one before it. The file is damaged.`);
    }
    end = relativeOffsetOfLocalHeader + LOCAL_HEADER_BYTES + fileNameLength + compressedSize;
  }
  return entries;
}

/** Position and size of an entry's bytes. */
async function locationOf(
  path: string,
  archive: ZipFile,
  entries: ReadonlyMap<string, Entry>,
  name: string,
): Promise<StorageLocation> {
  const entry = entries.get(name);
  if (entry === undefined) return refuseTorchFile(path, `has no entry ${name}. The file is damaged.`);
  if (entry.compressionMethod !== STORED || entry.isEncrypted()) {
    return refuseTorchFile(
      path,
      `its entry ${name} is compressed or encrypted, which torch.save never does. Unpack the archive, and pack it with: zip -0 -r`,
    );
  }
  const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
  if (fileDataStart + entry.compressedSize > statSync(path).size) {
    return refuseTorchFile(path, `its entry ${name} ends after the end of the file. The file is damaged.`);
  }
  return { position: fileDataStart, bytes: entry.compressedSize };
}
