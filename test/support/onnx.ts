/** Tiny ONNX classifiers, encoded by hand: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. */
import { writeFileSync } from "node:fs";

type Field = readonly [number: number, value: number | string | Uint8Array];

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

function message(...fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === "number") return Buffer.from([...varint(number * 8), ...varint(value)]);
      const bytes = Buffer.from(value as Uint8Array);
      return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
    }),
  );
}

const ELEMENTS = { float32: 1, uint8: 2, float16: 10 } as const;
type Element = keyof typeof ELEMENTS;
/** A dimension's length, or a name where it is open. */
type Dimension = number | string;

const valueInfo = (name: string, type: Element, shape: readonly Dimension[]): Uint8Array => {
  const dimensions = shape.map((length): Field => [1, message(typeof length === "number" ? [1, length] : [2, length])]);
  return message([1, name], [2, message([1, message([1, ELEMENTS[type]], [2, message(...dimensions)])])]);
};

const tensor = (name: string, shape: readonly number[], values: readonly number[]): Uint8Array =>
  message(
    ...shape.map((length): Field => [1, length]),
    [2, ELEMENTS.float32],
    [8, name],
    [9, new Uint8Array(Float32Array.from(values).buffer)],
  );

/** A tensor whose values lie in another file. */
const externalTensor = (name: string, shape: readonly number[], location: string): Uint8Array =>
  message(
    ...shape.map((length): Field => [1, length]),
    [2, ELEMENTS.float32],
    [8, name],
    [13, message([1, "location"], [2, location])],
    [14, 1],
  );

const INT = 2;
const INTS = 7;

function node(operator: string, inputs: string[], output: string, attributes: Record<string, number | number[]> = {}) {
  return message(
    ...inputs.map((name): Field => [1, name]),
    [2, output],
    [4, operator],
    ...Object.entries(attributes).map(([name, value]): Field => {
      const contents: Field[] =
        typeof value === "number"
          ? [
              [3, value],
              [20, INT],
            ]
          : [...value.map((i): Field => [8, i]), [20, INTS]];
      return [5, message([1, name], ...contents)];
    }),
  );
}

export interface OnnxFile {
  /** (K) rows of three: the score of a class is its row times the means of the colours of the graph's own input. */
  readonly weights: readonly (readonly [number, number, number])[];
  readonly layout?: "NCHW" | "NHWC";
  readonly type?: Element;
  /** As the graph declares it; by default any batch of 3 x 8 x 8. */
  readonly shape?: readonly Dimension[];
  readonly softmax?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Whether the means of the colours are an output too. */
  readonly features?: boolean;
  /** A file that the weights are said to lie in. */
  readonly weightsIn?: string;
}

/** Writes a classifier that looks at the mean of each colour. */
export function writeOnnx(path: string, file: OnnxFile): string {
  const { weights, layout = "NCHW", type = "float32", softmax = false, metadata = {}, features = false } = file;
  const shape = file.shape ?? (layout === "NCHW" ? ["batch", 3, 8, 8] : ["batch", 8, 8, 3]);
  const scores = softmax ? "scores" : "output";
  const half = type === "float16";
  const nodes = [
    node("Cast", ["input"], "float", { to: ELEMENTS.float32 }),
    node("ReduceMean", ["float"], "means", { axes: layout === "NCHW" ? [2, 3] : [1, 2], keepdims: 0 }),
    node("MatMul", ["means", "weights"], half ? "wide" : scores),
    ...(half ? [node("Cast", ["wide"], scores, { to: ELEMENTS.float16 })] : []),
    ...(softmax ? [node("Softmax", [scores], "output", { axis: 1 })] : []),
  ];
  const columns = [0, 1, 2].flatMap((channel) => weights.map((row) => row[channel]));
  const sizes = [3, weights.length];
  const graph = message(
    ...nodes.map((one): Field => [1, one]),
    [2, "test"],
    [5, file.weightsIn ? externalTensor("weights", sizes, file.weightsIn) : tensor("weights", sizes, columns)],
    [11, valueInfo("input", type, shape)],
    [12, valueInfo("output", half ? "float16" : "float32", [shape[0], weights.length])],
    ...(features ? [[12, valueInfo("means", "float32", [shape[0], 3])] as Field] : []),
  );
  const entries = Object.entries(metadata).map(([key, value]): Field => [14, message([1, key], [2, value])]);
  writeFileSync(path, message([1, 8], [8, message([1, ""], [2, 13])], [7, graph], ...entries));
  return path;
}
