/**
 * The most that this machine was seen to do: arithmetic in a large matrix product or dense convolution, and memory
 * traffic in the triad a = b + s c over arrays far larger than any cache (McCalpin, STREAM).
 */
import { call, callAny, fromArray, scope, setThreads } from "../dist/tensor/index.js";

const REPEATS = 5;
/** Seconds of a run that is long enough to be the only one. */
const LONG = 2;

/** Seconds of the fastest of several runs, after one that is not counted unless it is long. */
function fastest(run) {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= REPEATS; i++) {
    const start = performance.now();
    scope(run);
    const seconds = (performance.now() - start) / 1000;
    if (i > 0 || seconds > LONG) best = Math.min(best, seconds);
    if (seconds > LONG) break;
  }
  return best;
}

const ones = (shape, dtype) => call("aten::full", [shape, 0.5, dtype]);

function matrixProduct(size, dtype) {
  return scope(() => {
    const [a, b] = [ones([size, size], dtype), ones([size, size], dtype)];
    return (2 * size ** 3) / fastest(() => void callAny("aten::matmul", [a, b]));
  });
}

function denseConvolution(dtype) {
  return scope(() => {
    const [count, channels, side] = [32, 256, 28];
    const x = call("aten::contiguous", [ones([count, channels, side, side], dtype), "channels_last"]);
    const weight = call("aten::contiguous", [ones([channels, channels, 3, 3], dtype), "channels_last"]);
    const flops = 2 * count * side * side * channels * channels * 9;
    return flops / fastest(() => void callAny("aten::conv2d", [x, weight, null, [1, 1], [1, 1], [1, 1], 1]));
  });
}

/** Bytes in a second: two arrays read, one written. */
function triad() {
  return scope(() => {
    const length = 2 ** 26;
    const [a, b, c] = [0, 1, 2].map(() => fromArray(new Float32Array(length), [length]));
    return (3 * 4 * length) / fastest(() => void callAny("aten::add.out", [b, c, 3, a]));
  });
}

/** `{ fp32, bf16, bandwidth }` for each number of threads: GFLOP/s and GB/s. */
export function measurePeaks(threads) {
  return threads.map((count) => {
    setThreads(count);
    const arithmetic = (dtype) => Math.max(matrixProduct(2048, dtype), denseConvolution(dtype)) / 1e9;
    return { threads: count, fp32: arithmetic("float32"), bf16: arithmetic("bfloat16"), bandwidth: triad() / 1e9 };
  });
}

// A process of its own, so that its memory is gone before anything else is measured.
console.log(JSON.stringify(measurePeaks(process.argv.slice(2).map(Number))));
