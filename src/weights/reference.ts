/** From what a user calls weights to a file on this machine. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { type Checksum, download } from "../data/datasets/download.js";
import { userCache } from "../data/user-cache.js";
import { UsageError } from "../errors.js";
import { findPublished } from "./published.js";

export interface FetchOptions {
  /** Bytes so far, and of the whole file where the server says it. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
  /** Of a connection that brings nothing; see {@link download}. */
  readonly stallMs?: number;
  readonly attempts?: number;
  readonly pauseMs?: number;
}

/** Larger than every network here, with its optimiser's state. */
const MAX_BYTES = 4 * 2 ** 30;
/** For the question what a file's hash is, which need not be answered. */
const QUESTION_MS = 10_000;

/** A file elsewhere. */
interface Remote {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the server is Hugging Face's or a mirror of it, which says the hashes of large files. */
  readonly hub: boolean;
}

/** Whether a reference is of a file elsewhere. */
export const isRemote = (reference: string): boolean => /^(?:https?:\/\/|hf:)/.test(reference);

/**
 * The file of a reference: a path is taken as it is, and a file elsewhere is brought to the user's cache once.
 *
 * `https://...`, or `hf:OWNER/NAME[/FILE]` for a file of Hugging Face (model.safetensors unless given), from HF_ENDPOINT or
 * https://huggingface.co, with HF_TOKEN where it is set. The cache is `advprop/weights` in XDG_CACHE_HOME or ~/.cache; a file lies there
 * under its address. It is checked by its SHA-256 where that is known: from the list of published files, from Hugging Face, or from
 * the name, as PyTorch's hub has it (`resnet18-f37072fd.pth`).
 *
 * @throws ERR_REFERENCE the address is of no form that is known; ERR_NETWORK, ERR_DOWNLOAD, ERR_WRITE as {@link download}
 */
export async function localFile(reference: string, options: FetchOptions = {}): Promise<string> {
  if (!isRemote(reference)) return reference;
  const remote = remoteOf(reference);
  const path = cachedPath(remote.url);
  const known = hashInName(path);
  // What is cached without a hash is taken as it is, so that it needs no network.
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
      offline: `Is this machine connected to the network? Otherwise fetch ${file} elsewhere from that address, and give its path instead of ${reference}, or put it at ${path}`,
      address: remote.hub
        ? "Check OWNER, NAME and FILE; files that are not public need HF_TOKEN"
        : "Check the address: advprop models `published` lists those that are known",
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

/** Where a file of an address lies in the cache: under the server's name and its path, so that a user finds it. */
function cachedPath(url: URL): string {
  const path = url.pathname === "/" ? "/index" : url.pathname.replace(/\/+$/, "");
  const query = url.search === "" ? "" : encodeURIComponent(url.search);
  return userCache("weights", url.host.replace(/[^\w.-]/g, "_"), `${path}${query}`);
}

/** The published hash, or the one that a name ends with; eight decimal digits are a date. */
function hashInName(path: string): Checksum | undefined {
  const entry = findPublished(path);
  // A converted file of Hugging Face is not the one that the hash is of.
  const published = entry !== undefined && basename(entry.file ?? entry.reference) === basename(path);
  const inName = /-([0-9a-f]{8,64})\.[a-z]+$/.exec(path)?.[1];
  const begins = published ? entry.sha256 : inName !== undefined && /[a-f]/.test(inName) ? inName : undefined;
  return begins === undefined ? undefined : { algorithm: "sha256", begins };
}

/** What Hugging Face says of a large file before it sends the reader to where it lies. */
async function hashFromHub({ url, headers }: Remote): Promise<Checksum | undefined> {
  try {
    const signal = AbortSignal.timeout(QUESTION_MS);
    const response = await fetch(url, { method: "HEAD", redirect: "manual", headers, signal });
    const hash = response.headers.get("x-linked-etag")?.replace(/"/g, "");
    return hash !== undefined && /^[0-9a-f]{64}$/.test(hash) ? { algorithm: "sha256", begins: hash } : undefined;
  } catch {
    return undefined; // The download says what is wrong.
  }
}
