// Photos a second of a served model against those of the plain session, in turns: node bench/serve.mjs model.onnx [CLIENTS]
import { Agent, request } from "node:http";
import sharp from "sharp";
import { openClassifier, serve } from "../dist/index.js";

const [model, clients = "32"] = process.argv.slice(2);
const PHOTOS = 200;
const photo = await sharp({
  create: { width: 640, height: 480, channels: 3, noise: { type: "gaussian", mean: 128, sigma: 40 } },
})
  .jpeg()
  .toBuffer();

const classifier = await openClassifier(model);
const server = await serve(model, { port: 0 });
const { port } = new URL(server.url);
const agent = new Agent({ keepAlive: true, maxSockets: Number(clients) });
const ask = () =>
  new Promise((resolve, reject) => {
    const call = request({ port, method: "POST", path: "/classify", agent }, (response) => {
      response.resume();
      response.on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))));
    });
    call.on("error", reject);
    call.end(photo);
  });

/** Photos a second of `PHOTOS` calls, so many at once. */
async function rate(call, atOnce) {
  const started = performance.now();
  let left = PHOTOS;
  const work = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return (1000 * PHOTOS) / (performance.now() - started);
}

await ask();
const rates = { served: [], plain: [], batches: [] };
for (let turn = 0; turn < 3; turn++) {
  rates.plain.push(await rate(() => classifier.classify(photo), 1));
  rates.served.push(await rate(ask, Number(clients)));
  const started = performance.now();
  for await (const _ of classifier.classifyAll(new Array(PHOTOS).fill(photo)));
  rates.batches.push((1000 * PHOTOS) / (performance.now() - started));
}
const median = (values) => values.toSorted((a, b) => a - b)[1].toFixed(1);
console.log(`plain session, one photo after the other: ${median(rates.plain)} photos/s`);
console.log(`plain session, in batches: ${median(rates.batches)} photos/s`);
console.log(`served, ${clients} clients: ${median(rates.served)} photos/s`);
agent.destroy();
await server.close();
await classifier.close();
