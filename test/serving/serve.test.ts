/** The classification server: its answers, its errors, and how it stops. */
import { createConnection, type Socket } from "node:net";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inBatches } from "../../src/serving/batches.js";
import { type PhotoServer, serve } from "../../src/serving/serve.js";
import { COLOUR_CLASSES, colourPhoto, writeColourModel } from "../support/colour-model.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder } from "../support/folders.js";

const model = writeColourModel(sharedTemporaryFolder());
const LIMITS = { maxBytes: 100_000, maxPixels: 1_000_000, maxRequests: 8, timeout: 1 };
let server: PhotoServer;
beforeAll(async () => {
  server = await serve(model, { ...LIMITS, port: 0, threads: 1 });
});
afterAll(() => server.close());

const post = (body: RequestInit["body"], path = "/classify") => fetch(`${server.url}${path}`, { method: "POST", body });
const bytes = (buffer: Buffer) => new Uint8Array(buffer);

test("answers the classes of a photo, the most probable first", async () => {
  for (const [colour, name] of COLOUR_CLASSES.entries()) {
    const response = await post(bytes(await colourPhoto(colour)));
    expect(response.status).toBe(200);
    const { model: served, predictions } = (await response.json()) as {
      model: string;
      predictions: { class: string; probability: number }[];
    };
    expect(served).toBe("colours");
    expect(predictions.map((one) => one.class)[0]).toBe(name);
    expect(predictions.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
  }
  const one = await post(bytes(await colourPhoto(0)), "/?top=1");
  expect(((await one.json()) as { predictions: object[] }).predictions).toHaveLength(1);
});

test("describes the model, its health and its metrics", async () => {
  expect(await (await fetch(server.url)).json()).toMatchObject({ model: "colours", classes: COLOUR_CLASSES });
  expect(await (await fetch(`${server.url}/health`)).json()).toEqual({ status: "ok" });
  await post(bytes(await colourPhoto(1)));
  const text = await (await fetch(`${server.url}/metrics`)).text();
  expect(text).toMatch(/^advprop_requests_total\{status="200"\} [1-9]\d*$/m);
  expect(text).toMatch(/^advprop_photos_total [1-9]\d*$/m);
});

async function huge(): Promise<Buffer> {
  const image = sharp({ create: { width: 2000, height: 2000, channels: 3, background: "red" } });
  return image.png().toBuffer();
}

type Body = RequestInit["body"];
const REFUSED: readonly (readonly [name: string, body: () => Promise<Body>, status: number, code: string])[] = [
  ["nothing", async () => null, 400, "empty"],
  ["text", async () => "no photo", 415, "no-image"],
  ["too many bytes", async () => new Uint8Array(100_001), 413, "too-large"],
  ["too many pixels in few bytes", async () => bytes(await huge()), 413, "too-many-pixels"],
  ["half a photo", async () => bytes((await colourPhoto(0, 400, 300)).subarray(0, 700)), 422, "damaged"],
];

describe("refuses, each with a status, a code and a reason", () => {
  test.each(REFUSED)("%s", async (_name, body, status, code) => {
    const response = await post(await body());
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code } });
  });

  test("an unknown address, and a wrong number of classes", async () => {
    expect((await post("x", "/other")).status).toBe(404);
    expect(await (await post("x", "/classify?top=0")).json()).toMatchObject({ error: { code: "top" } });
  });

  test("a client that sends its photo slowly", async () => {
    const { port } = new URL(server.url);
    const answer = await new Promise<string>((resolve) => {
      const socket = createConnection(Number(port), "127.0.0.1", () => {
        socket.write("POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nabc");
      });
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("close", () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain("too-slow");
  });
});

/** The status of a photo that was posted over a socket of its own; rejects if the server resets it. */
function posted(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("end", () => resolve(Number(/^HTTP\/1.1 (\d+)/.exec(text)?.[1])));
  });
}

test("closing answers what clients have sent, also on connections that the server has not accepted yet", async () => {
  const own = await serve(model, { port: 0, threads: 1 });
  const { port } = new URL(own.url);
  const photo = await colourPhoto(2, 600, 400);
  const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${photo.length}\r\n\r\n`;
  const sockets = Array.from({ length: 40 }, () => createConnection(Number(port), "127.0.0.1"));
  const answers = Promise.allSettled(sockets.map(posted));
  // The system has the photos now. The server accepts one connection in each turn of the event loop.
  await Promise.all(
    sockets.map((one) => new Promise((sent) => one.write(Buffer.concat([Buffer.from(head), photo]), sent))),
  );
  const closed = own.close();
  expect(await answers).toEqual(sockets.map(() => ({ status: "fulfilled", value: 200 })));
  await closed;
});

test("a server that is being stopped is not healthy, and then frees the model and the port", async () => {
  const own = await serve(model, { port: 0, threads: 1 });
  const photo = bytes(await colourPhoto(2));
  expect((await fetch(`${own.url}/health`)).headers.get("connection")).toBe("keep-alive");
  const closed = own.close();
  const health = await fetch(`${own.url}/health`);
  expect([health.status, await health.json()]).toEqual([503, { status: "closing" }]);
  const last = await fetch(own.url, { method: "POST", body: photo });
  expect([last.status, last.headers.get("connection")]).toEqual([200, "close"]);
  await closed;
  await expect(fetch(own.url)).rejects.toThrow();
  const { port } = new URL(own.url);
  await (await serve(model, { port: Number(port), threads: 1 })).close();
});

test.each([70_000, -1, 1.5, "abc" as unknown as number])("refuses the port %s", async (port) => {
  const refused = await codedRejection(serve("none.onnx", { port }));
  expect(refused).toMatchObject({ code: "ERR_SERVE", exitCode: 2 });
  expect(refused.message).toBe(`serve: \`port\` must be a whole number from 0 to 65535; got ${port}`);
});

test("refuses options that are for another kind of model", async () => {
  expect((await codedRejection(serve(model, { checkpoint: "last" }))).message).toMatch(/^`checkpoint` does not apply/);
  expect((await codedRejection(serve("run", { onnx: { layout: "NHWC" } }))).code).toBe("ERR_PREPROCESSING");
});

test("refuses an empty host, which would be all addresses of the machine", async () => {
  expect((await codedRejection(serve(model, { port: 0, host: "" }))).message).toContain("`host` must be an address");
});

test("a port in use, and wrong limits are refused", async () => {
  const { port } = new URL(server.url);
  const taken = await codedRejection(serve(model, { port: Number(port) }));
  expect(taken).toMatchObject({ code: "ERR_SERVE", exitCode: 2 });
  expect(taken.message).toContain("another program uses this port");
  expect((await codedRejection(serve(model, { port: 0, maxBytes: 0 }))).message).toContain(
    "`maxBytes` must be a positive number",
  );
  // A timer of Node that waits longer than 24 days fires at once.
  expect((await codedRejection(serve(model, { port: 0, timeout: 3_000_000 }))).message).toContain(
    "at most 86400 seconds",
  );
});

describe("batches", () => {
  test("images that arrive together share a batch, in order, up to the largest batch size", async () => {
    const sizes: number[] = [];
    const double = inBatches<number, number>(async (images) => {
      sizes.push(images.length);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return images.map((image) => 2 * image);
    }, 4);
    expect(await Promise.all([1, 2, 3, 4, 5, 6].map(double))).toEqual([2, 4, 6, 8, 10, 12]);
    expect(sizes).toEqual([4, 2]);
  });

  test("a failed batch fails only for its own images", async () => {
    const run = inBatches<number, number>(async (images) => {
      if (images.includes(0)) throw new Error("no");
      return images;
    }, 2);
    const outcomes = await Promise.allSettled([1, 0, 2, 3].map(run));
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled", "fulfilled"]);
  });
});
