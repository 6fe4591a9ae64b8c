/** Finds or downloads the file of a weights reference. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { type Checksum, download } from "../data/datasets/download.js";
import { userCache } from "../data/user-cache.js";
import { UsageError } from "../errors.js";
import { findPublished } from "./published.js";

export interface FetchOptions {
  /** Bytes until now, and size of the file if the server tells it. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
  /** Timeout for a connection that sends nothing; see {@link download}. */
  readonly stallMs?: number;
  readonly attempts?: number;
  readonly pauseMs?: number;
}

/** Larger than every network here with the state of its optimiser. */
const MAX_BYTES = 4 * 2 ** 30;
/** Timeout for requesting a file's hash, which is optional. */
const QUESTION_MS = 10_000;

/** A remote file. */
interface Remote {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the server is Hugging Face or a mirror of it, which tells the hashes of large files. */
  readonly hub: boolean;
}

/** Whether a reference is that of a remote file. */
export const isRemote = (reference: string): boolean => /^(?:https?:\/\/|hf:)/.test(reference);

/**
 * The local file of a reference. A path is returned unchanged, and a remote file is downloaded into the user's cache once.
 *
 * A remote reference is `https://...`, or `hf:OWNER/NAME[/FILE]` for a file of Hugging Face (by default model.safetensors), from
 * HF_ENDPOINT or https://huggingface.co, with HF_TOKEN if it is set. The cache is `advprop/weights` in XDG_CACHE_HOME or
 * ~/.cache. It stores a file under its address. The file is checked by its SHA-256 if that is known: from the list of
 * published files, from Hugging Face, or from its name, as in PyTorch's hub (`resnet18-f37072fd.pth`).
 *
 * @throws ERR_REFERENCE the address has an unknown form; ERR_NETWORK, ERR_DOWNLOAD, ERR_WRITE as {@link download}
 */
export async function localFile(reference: string, options: FetchOptions = {}): Promise<string> {
  if (!isRemote(reference)) return reference;
  const remote = remoteOf(reference);
  const path = cachedPath(remote.url);
  const known = hashInName(path);
  // A cached file without a known hash is used unchecked, so that no network is needed.
  if (known === undefined && existsSync(path)) return path;
  const checksum = known ?? (remote.hub ? await hashFromHub(remote) : undefined);
  const file = basename(path);
  await download({
    ...options,
    url: remote.url.href,
    path,
    checksum,
    headers: remote.headers,
    maxBytes: MAX_BYTES,
    advice: {
      offline: `Check the network connection, or download ${file} from that address on another machine, and give its path instead of ${reference}, or put it at ${path}`,
      address: remote.hub
        ? "Check OWNER, NAME and FILE; files that are not public need HF_TOKEN"
        : "Check the address: advprop models `published` lists the known ones",
    },
  });
  return path;
}

function remoteOf(reference: string): Remote {
  if (!reference.startsWith("hf:")) {
    const url = URL.canParse(reference) ? new URL(reference) : undefined;
    const isLocal = url !== undefined && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
    if (url === undefined || (url.protocol !== "https:" && !isLocal) || url.username !== "") {
      return refuse(reference, "an address must be of the form https://SERVER/FILE");
    }
    return { url, headers: {}, hub: false };
  }
  const [owner, name, ...rest] = reference.slice(3).split("/");
  const parts = [owner, name, ...(rest.length === 0 ? ["model.safetensors"] : rest)];
  if (name === undefined || parts.some((part) => !/^[\w.-]+$/.test(part) || /^\.+$/.test(part))) {
    return refuse(reference, "it must be of the form hf:OWNER/NAME or hf:OWNER/NAME/FILE");
  }
  const { HF_ENDPOINT: endpoint = "https://huggingface.co", HF_TOKEN: token } = process.env;
  const address = `${endpoint.replace(/\/+$/, "")}/${owner}/${name}/resolve/main/${parts.slice(2).join("/")}`;
  if (!URL.canParse(address)) return refuse(reference, `HF_ENDPOINT must be an address; got ${endpoint}`);
  return { url: new URL(address), headers: token ? { authorization: `Bearer ${token}` } : {}, hub: true };
}

function refuse(reference: string, rule: string): never {
  throw new UsageError("ERR_REFERENCE", `weights ${reference}: ${rule}`);
}

/** Path of a remote file in the cache: the server's name and the path of the address, so that users can find it. */
function cachedPath(url: URL): string {
  const path = url.pathname === "/" ? "/index" : url.pathname.replace(/\/+$/, "");
  // A query can be longer than a file's name may be, and can contain a signature.
  const query = url.search === "" ? "" : `-${createHash("sha256").update(url.search).digest("hex").slice(0, 16)}`;
  return userCache("weights", url.host.replace(/[^\w.-]/g, "_"), `${path}${query}`);
}

/**
 * The published hash, or the one at the end of the name: eight digits as in PyTorch's hub, or all. Eight decimal digits are a date and not a
 * hash. Other numbers of digits are identifiers, for example of a commit.
 */
function hashInName(path: string): Checksum | undefined {
  const entry = findPublished(path);
  // The hash of a file does not apply to another format of it on Hugging Face.
  const published = entry !== undefined && basename(entry.file ?? entry.reference) === basename(path);
  const inName = /-([0-9a-f]{8}|[0-9a-f]{64})\.[a-z]+$/.exec(path)?.[1];
  const begins = published ? entry.sha256 : inName !== undefined && /[a-f]/.test(inName) ? inName : undefined;
  return begins === undefined ? undefined : { algorithm: "sha256", begins };
}

/** The hash that Hugging Face sends with its redirect to a large file. */
async function hashFromHub({ url, headers }: Remote): Promise<Checksum | undefined> {
  try {
    const signal = AbortSignal.timeout(QUESTION_MS);
    const response = await fetch(url, { method: "HEAD", redirect: "manual", headers, signal });
    const hash = response.headers.get("x-linked-etag")?.replace(/"/g, "");
    return hash !== undefined && /^[0-9a-f]{64}$/.test(hash) ? { algorithm: "sha256", begins: hash } : undefined;
  } catch {
    return undefined; // The download reports the problem.
  }
}
