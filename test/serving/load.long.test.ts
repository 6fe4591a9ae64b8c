/** A server under load: 100 clients, half of them hostile. */

import { Agent, request } from "node:http";
import { createConnection } from "node:net";
import sharp from "sharp";
import { expect, test } from "vitest";
import { serve } from "../../src/serving/serve.js";
import { COLOUR_CLASSES, colourPhoto, writeColourModel } from "../support/colour-model.js";
import { temporaryFolder } from "../support/folders.js";

const GOOD = 50;
const EACH = 60;

test("every honest client gets right answers, every hostile connection ends, and the memory does not grow", async () => {
  const model = writeColourModel(temporaryFolder());
  const server = await serve(model, { port: 0, threads: 1, maxBytes: 200_000, maxPixels: 1_000_000, timeout: 2 });
  const { port } = new URL(server.url);
  const photos = await Promise.all([0, 1, 2].map((colour) => colourPhoto(colour, 200, 150)));
  const bomb = await sharp({ create: { width: 3000, height: 3000, channels: 3, background: "red" } })
    .png()
    .toBuffer();
  let going = true;

  const agent = new Agent({ keepAlive: true, maxSockets: GOOD });
  const ask = (photo: Buffer) =>
    new Promise<{ status: number; best: string | undefined }>((resolve, reject) => {
      const call = request({ port, host: "127.0.0.1", method: "POST", path: "/classify", agent }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode!, best: JSON.parse(text).predictions?.[0]?.class }),
        );
      });
      call.on("error", reject);
      call.end(photo);
    });
  let right = 0;
  const honest = async (client: number) => {
    for (let i = 0; i < EACH; ) {
      const colour = (client + i) % 3;
      const { status, best } = await ask(photos[colour]);
      if (status === 503) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      expect({ status, best }).toEqual({ status: 200, best: COLOUR_CLASSES[colour] });
      right++;
      i++;
    }
  };

  /** Sends something on a connection of its own, and waits for its end. */
  const raw = (parts: readonly (string | Buffer)[], end: boolean) =>
    new Promise<void>((resolve) => {
      const socket = createConnection(Number(port), "127.0.0.1", () => {
        for (const part of parts) socket.write(part);
        if (end) socket.destroySoon();
      });
      socket.on("error", () => {});
      socket.on("data", () => {});
      socket.on("close", () => resolve());
    });
  const head = (length: number) =>
    `POST /classify HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;
  const attacks = [
    () => raw([head(5000), "slow"], false),
    () => raw(["POST /classify HTTP/1.1\r\nHos"], false),
    () => raw([head(10_000_000), Buffer.alloc(1_000_000)], false),
    () => raw([head(photos[0].length), photos[0].subarray(0, 300)], true),
    () => raw([head(8), "no image"], false),
    () => raw([head(bomb.length), bomb], false),
    () => raw([Buffer.from([0, 1, 2, 255, 13, 10, 13, 10])], false),
  ];
  let hostile = 0;
  const attack = async (client: number) => {
    for (let i = 0; going; i++) {
      await attacks[(client + i) % attacks.length]();
      hostile++;
    }
  };

  // A first round allocates everything that is allocated only once.
  await ask(photos[0]);
  const attackers = Array.from({ length: 50 }, (_, client) => attack(client));
  const memory: number[] = [];
  const watch = setInterval(() => memory.push(process.memoryUsage().rss), 250);
  await Promise.all(Array.from({ length: GOOD }, (_, client) => honest(client)));
  going = false;
  clearInterval(watch);
  expect(right).toBe(GOOD * EACH);
  await Promise.all(attackers);
  expect(hostile).toBeGreaterThan(50);
  // The server still answers, and its memory has not grown in the second half of the time.
  expect((await ask(photos[1])).best).toBe("green");
  const half = Math.floor(memory.length / 2);
  const most = (values: number[]) => Math.max(...values);
  if (half >= 4) expect(most(memory.slice(half))).toBeLessThan(most(memory.slice(0, half)) + 100e6);
  agent.destroy();
  await server.close();
});
