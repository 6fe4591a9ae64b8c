/** References to remote files, with a local server instead of the real ones. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { openWeights } from "../../src/weights/open.js";
import { localFile } from "../../src/weights/reference.js";
import { codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { sendHalf, sendRange, serve } from "../support/server.js";

const BYTES = Uint8Array.from({ length: 40_000 }, (_, i) => (i * i + 31 * i) % 251);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
/** A name with the hash of the bytes, as in PyTorch's hub. */
const HASHED = `resnet18-${sha256(BYTES).slice(0, 8)}.pth`;
const QUICK = { stallMs: 300, pauseMs: 1, attempts: 2 };

let cache: string;
beforeEach(() => {
  cache = temporaryFolder();
  vi.stubEnv("XDG_CACHE_HOME", cache);
  vi.stubEnv("HF_TOKEN", undefined);
  vi.stubEnv("HF_ENDPOINT", undefined);
  return () => vi.unstubAllEnvs();
});

/** Every file of the cache. */
const cached = () =>
  readdirSync(cache, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));

describe("an address", () => {
  test("is downloaded once, into the cache under its server and path", async () => {
    const { url, ranges } = await serve(sendRange(BYTES));
    const path = await localFile(`${url}models/${HASHED}`, QUICK);
    expect(path).toBe(join(cache, "advprop/weights", new URL(url).host.replace(":", "_"), "models", HASHED));
    expect(readFileSync(path)).toEqual(Buffer.from(BYTES));
    expect(await localFile(`${url}models/${HASHED}`, QUICK)).toBe(path);
    expect(ranges).toHaveLength(1);
    expect(cached()).toEqual([HASHED]);
  });

  test("without a hash is used from the cache unchecked, and distinguished by its query", async () => {
    const { url, ranges } = await serve(sendRange(BYTES));
    const [a, b] = [await localFile(`${url}w.pth?v=1`, QUICK), await localFile(`${url}w.pth?v=2`, QUICK)];
    expect(a).not.toBe(b);
    expect(dirname(a)).toBe(dirname(b));
    await localFile(`${url}w.pth?v=1`, QUICK);
    expect(ranges).toHaveLength(2);
    // As long as that of a signed address, whose signature must not be in a file's name.
    const signed = await localFile(`${url}w.pth?signature=${"a1".repeat(300)}`, QUICK);
    expect(signed).toMatch(/w\.pth-[0-9a-f]{16}$/);
  });

  test("whose name ends in an identifier that is no hash is not checked by it", async () => {
    const { url } = await serve(sendRange(BYTES));
    for (const name of [
      "1b4e28ba-2fa1-11d2-883f-b9a761bde3fb.pth",
      `model-${"0123456789abcdef".repeat(3).slice(0, 40)}.pth`,
    ]) {
      expect(readFileSync(await localFile(`${url}${name}`, QUICK))).toEqual(Buffer.from(BYTES));
    }
  });

  test("of a damaged file in the cache is downloaded again where its hash is known", async () => {
    const { url } = await serve(sendRange(BYTES));
    const path = await localFile(url + HASHED, QUICK);
    writeFileSync(path, "damaged");
    await localFile(url + HASHED, QUICK);
    expect(readFileSync(path)).toEqual(Buffer.from(BYTES));
  });

  test("whose file has another hash gives an error, and leaves nothing", async () => {
    const { url } = await serve(sendRange(BYTES.with(7, 0)));
    const error = await codedRejection(localFile(url + HASHED, QUICK));
    expect(error.code).toBe("ERR_DOWNLOAD");
    expect(error.message).toContain(`has the SHA-256 ${sha256(BYTES.with(7, 0))}, not ${sha256(BYTES).slice(0, 8)}...`);
    expect(cached()).toEqual([]);
  });

  test("that answers 404 gives an error, and leaves nothing", async () => {
    const { url } = await serve((_, response) => response.writeHead(404).end("<html>not here</html>"));
    const error = await codedRejection(localFile(url + HASHED, QUICK));
    expect([error.code, error.message]).toEqual(["ERR_DOWNLOAD", expect.stringContaining("answered 404 Not Found")]);
    expect(cached()).toEqual([]);
  });

  test("whose server stalls half-way is resumed by the next call", async () => {
    const { url, ranges } = await serve((request, response, connection) =>
      (connection <= 2 ? sendHalf(BYTES, "stall") : sendRange(BYTES))(request, response, connection),
    );
    const error = await codedRejection(localFile(url + HASHED, QUICK));
    expect([error.code, error.message]).toEqual(["ERR_NETWORK", expect.stringContaining("30000 bytes are kept in")]);
    expect(cached()).toEqual([`${HASHED}.part`]);
    const path = await localFile(url + HASHED, QUICK);
    expect(readFileSync(path)).toEqual(Buffer.from(BYTES));
    expect(ranges).toEqual([undefined, "bytes=20000-", "bytes=30000-"]);
  });

  test("whose server closes the connection half-way gives an error and never an incomplete file", async () => {
    const { url } = await serve((request, response, connection) =>
      (connection <= 2 ? sendHalf(BYTES, "break") : sendRange(BYTES))(request, response, connection),
    );
    expect((await codedRejection(localFile(url + HASHED, QUICK))).code).toBe("ERR_NETWORK");
    expect(cached()).not.toContain(HASHED);
    expect(readFileSync(await localFile(url + HASHED, QUICK))).toEqual(Buffer.from(BYTES));
  });

  test("without a hash is resumed only where the server tells that it is the same file", async () => {
    for (const [etag, expected] of [
      ['"one"', [undefined, "bytes=20000-"]],
      [undefined, [undefined, undefined]],
    ] as const) {
      const headers: Record<string, string> = etag === undefined ? {} : { etag };
      const { url, ranges } = await serve((request, response, connection) =>
        (connection === 1 ? sendHalf(BYTES, "stall", headers) : sendRange(BYTES, headers))(
          request,
          response,
          connection,
        ),
      );
      expect(readFileSync(await localFile(`${url}w.pth`, QUICK))).toEqual(Buffer.from(BYTES));
      expect(ranges).toEqual(expected);
    }
  });

  test("without a hash that fails each time leaves nothing", async () => {
    const { url } = await serve(sendHalf(BYTES, "break"));
    const error = await codedRejection(localFile(`${url}w.pth`, QUICK));
    expect([error.code, error.message]).toEqual([
      "ERR_NETWORK",
      expect.stringMatching(
        /download w\.pth from that address .* give its path instead of http.*, or put it at .*w\.pth/,
      ),
    ]);
    expect(cached()).toEqual([]);
  });

  test("that cannot be reached gives a message with the file to download elsewhere and how to use it", async () => {
    const reference = "http://127.0.0.1:1/models/resnet18-f37072fd.pth";
    const error = await codedRejection(localFile(reference, QUICK));
    expect(error.code).toBe("ERR_NETWORK");
    expect(error.message).toContain(
      `or download resnet18-f37072fd.pth from that address on another machine, and give its path instead of ${reference}, or put it at ${cache}`,
    );
  });

  test("of a file that is too large fails immediately", async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { "content-length": 2 ** 33 });
      response.write("x");
    });
    const error = await codedRejection(localFile(`${url}w.pth`, QUICK));
    expect([error.code, error.message]).toEqual([
      "ERR_DOWNLOAD",
      expect.stringContaining("more than 4294967296 bytes"),
    ]);
    expect(cached()).toEqual([]);
  });

  test("of a web page instead of a file is removed from the cache", async () => {
    const { url } = await serve(sendRange(Buffer.from("<!DOCTYPE html><title>Sign in</title>")));
    const error = await codedRejection(openWeights(`${url}w.pth`, QUICK));
    expect(error.code).toBe("ERR_TORCH_FILE");
    expect(error.message).toMatch(/it is a web page.*It came from http.*, and was removed from the cache\./);
    expect(cached()).toEqual([]);
  });

  test.each([
    "http://example.com/w.pth",
    "https://",
    "https://user:secret@example.com/w.pth",
    "hf:timm",
    "hf:timm/../w.pth",
    "hf:timm/a/../../b",
    "hf:timm/a/b?c",
  ])("of another form is refused: %s", async (reference) => {
    expect((await codedRejection(localFile(reference))).code).toBe("ERR_REFERENCE");
  });
});

describe("a file of Hugging Face", () => {
  const NAME = "hf:timm/resnet18.a1_in1k";

  /** Redirects as its servers do for large files, and sends the file's hash with the redirect. */
  const hub = (bytes: Uint8Array, hash = sha256(bytes)) => {
    const seen: { path: string; authorization: string | undefined }[] = [];
    const elsewhere = serve((request, response, connection) => {
      seen.push({ path: request.url!, authorization: request.headers.authorization });
      sendRange(bytes)(request, response, connection);
    });
    const answering = elsewhere.then(({ url }) =>
      serve((request, response) => {
        seen.push({ path: request.url!, authorization: request.headers.authorization });
        response.writeHead(302, { location: `${url}blob`, "x-linked-etag": `"${hash}"` }).end();
      }),
    );
    return { seen, answering };
  };

  test("is model.safetensors of HF_ENDPOINT with HF_TOKEN, which is sent to no other server", async () => {
    const { seen, answering } = hub(BYTES);
    vi.stubEnv("HF_ENDPOINT", (await answering).url);
    vi.stubEnv("HF_TOKEN", "secret");
    const path = await localFile(NAME, QUICK);
    expect(path).toMatch(/timm\/resnet18\.a1_in1k\/resolve\/main\/model\.safetensors$/);
    expect(readFileSync(path)).toEqual(Buffer.from(BYTES));
    const page = "/timm/resnet18.a1_in1k/resolve/main/model.safetensors";
    expect(seen).toEqual([
      { path: page, authorization: "Bearer secret" },
      { path: page, authorization: "Bearer secret" },
      { path: "/blob", authorization: undefined },
    ]);
    await localFile(NAME, QUICK);
    expect(seen).toHaveLength(3);
  });

  test("is checked by the hash that the server sends", async () => {
    const { answering } = hub(BYTES, sha256(BYTES.with(0, 9)));
    vi.stubEnv("HF_ENDPOINT", (await answering).url);
    const error = await codedRejection(localFile(`${NAME}/sub/pytorch_model.bin`, QUICK));
    expect([error.code, error.message]).toEqual(["ERR_DOWNLOAD", expect.stringContaining(sha256(BYTES.with(0, 9)))]);
    expect(cached()).toEqual([]);
  });

  test("that is not public gives a message with what it needs", async () => {
    const { url } = await serve((_, response) => response.writeHead(401).end());
    vi.stubEnv("HF_ENDPOINT", url);
    expect((await codedRejection(localFile(NAME, QUICK))).message).toContain("files that are not public need HF_TOKEN");
  });
});

test("a path is returned unchanged", async () => {
  expect(await localFile("some/where.pth")).toBe("some/where.pth");
  expect(existsSync(join(cache, "advprop"))).toBe(false);
  mkdirSync(join(cache, "advprop"));
});
