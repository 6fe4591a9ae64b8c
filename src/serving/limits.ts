/** Limits of a server for sizes, numbers and times, and the errors for requests that exceed them. */
import { UsageError } from "../errors.js";

export interface ServeLimits {
  /** Largest photo in bytes; by default 20 MB. */
  readonly maxBytes: number;
  /** Largest number of pixels of a photo, because decoding needs memory for all of them; by default 50 million. */
  readonly maxPixels: number;
  /** Largest number of photos that are read, decoded or classified at once; by default 64. Further requests get status 503. */
  readonly maxRequests: number;
  /** Longest time in seconds that a client may take to send its photo; by default 10. */
  readonly timeout: number;
}

export const DEFAULT_LIMITS: ServeLimits = {
  maxBytes: 20_000_000,
  maxPixels: 50_000_000,
  maxRequests: 64,
  timeout: 10,
};

/** A day. A timer of Node can wait for 24 days at most, and fires at once beyond. */
const LONGEST_TIMEOUT = 86_400;

/** @throws UsageError ERR_SERVE a limit is not a positive number, or the timeout is longer than a day */
export function checkLimits(limits: ServeLimits): void {
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isFinite(value) && value > 0) continue;
    throw new UsageError("ERR_SERVE", `serve: \`${name}\` must be a positive number; got ${value}`);
  }
  if (limits.timeout <= LONGEST_TIMEOUT) return;
  throw new UsageError(
    "ERR_SERVE",
    `serve: \`timeout\` may be at most ${LONGEST_TIMEOUT} seconds; got ${limits.timeout}`,
  );
}

/** Why a request is refused: the HTTP status, a stable code, and a message that says what to do. */
export class Refusal extends Error {
  constructor(
    readonly status: 400 | 408 | 413 | 415 | 422 | 503,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * The bytes of a request's body, counted as they come.
 *
 * @throws Refusal 413 there are more than allowed, 408 they take too long, 400 there are none or the client disconnected
 */
export async function bodyOf(
  body: ReadableStream<Uint8Array> | null,
  { maxBytes, timeout }: ServeLimits,
): Promise<Uint8Array> {
  if (body === null) throw new Refusal(400, "empty", "the body must be the bytes of a photo; it is empty");
  const reader = body.getReader();
  const deadline = Date.now() + 1000 * timeout;
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    while (true) {
      const chunk = await within(reader.read(), deadline, timeout);
      if (chunk.done) break;
      length += chunk.value.length;
      if (length > maxBytes) throw new Refusal(413, "too-large", `a photo may have at most ${maxBytes} bytes`);
      parts.push(chunk.value);
    }
  } catch (error) {
    // Does not wait for the rest of the body.
    void reader.cancel().catch(() => {});
    if (error instanceof Refusal) throw error;
    throw new Refusal(400, "aborted", "the request ended before the whole photo was received");
  }
  if (length === 0) throw new Refusal(400, "empty", "the body must be the bytes of a photo; it is empty");
  return Buffer.concat(parts);
}

async function within<T>(promise: Promise<T>, deadline: number, timeout: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const refuse = () => reject(new Refusal(408, "too-slow", `a photo must be sent within ${timeout} seconds`));
    timer = setTimeout(refuse, Math.max(0, deadline - Date.now()));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
