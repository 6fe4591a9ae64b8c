/**
 * Encodes ONNX files. Messages, field numbers and element types are those of the specification,
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 (IR version 8). Only the fields that are written are defined.
 */
import protobuf from "protobufjs";
import type { Attribute, Constant, OnnxGraph } from "./onnx-graph.js";

/** Versions of the file format and of the operators, both of ONNX 1.12. Every recent runtime supports them. */
const IR_VERSION = 8;
const OPSET = 17;

/** TensorProto.DataType */
export const ELEMENT = { float32: 1, uint8: 2 } as const;
/** AttributeProto.AttributeType */
const ATTRIBUTE = { float: 1, integer: 2, integers: 7 } as const;

const one = (type: string, id: number) => ({ type, id });
const many = (type: string, id: number) => ({ rule: "repeated", type, id });

const Model = protobuf.Root.fromJSON({
  nested: {
    Model: {
      fields: {
        irVersion: one("int64", 1),
        producerName: one("string", 2),
        producerVersion: one("string", 3),
        graph: one("Graph", 7),
        opsetImport: many("OperatorSet", 8),
        metadataProps: many("Entry", 14),
      },
    },
    OperatorSet: { fields: { domain: one("string", 1), version: one("int64", 2) } },
    Entry: { fields: { key: one("string", 1), value: one("string", 2) } },
    Graph: {
      fields: {
        node: many("Node", 1),
        name: one("string", 2),
        initializer: many("Tensor", 5),
        input: many("Value", 11),
        output: many("Value", 12),
      },
    },
    Node: {
      fields: {
        input: many("string", 1),
        output: many("string", 2),
        name: one("string", 3),
        opType: one("string", 4),
        attribute: many("Attribute", 5),
      },
    },
    Attribute: {
      fields: {
        name: one("string", 1),
        f: one("float", 2),
        i: one("int64", 3),
        ints: many("int64", 8),
        type: one("int32", 20),
      },
    },
    Tensor: {
      fields: { dims: many("int64", 1), dataType: one("int32", 2), name: one("string", 8), rawData: one("bytes", 9) },
    },
    Value: { fields: { name: one("string", 1), type: one("Type", 2) } },
    Type: { fields: { tensorType: one("TensorType", 1) } },
    TensorType: { fields: { elemType: one("int32", 1), shape: one("Shape", 2) } },
    Shape: { fields: { dim: many("Dimension", 1) } },
    Dimension: { fields: { dimValue: one("int64", 1), dimParam: one("string", 2) } },
  },
}).lookupType("Model");

/** An input or output of the graph. A dimension of variable length has a name instead of a number. */
export interface GraphValue {
  readonly name: string;
  readonly element: keyof typeof ELEMENT;
  readonly shape: readonly (number | string)[];
}

export interface OnnxFile {
  readonly graph: OnnxGraph;
  readonly input: GraphValue;
  readonly output: GraphValue;
  readonly producerVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The bytes of a file. */
export function encodeOnnx({ graph, input, output, producerVersion, metadata }: OnnxFile): Uint8Array {
  return Model.encode({
    irVersion: IR_VERSION,
    producerName: "advprop",
    producerVersion,
    opsetImport: [{ domain: "", version: OPSET }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: "classifier",
      node: graph.nodes.map(({ operator, name, inputs, output, attributes }) => ({
        opType: operator,
        name,
        input: inputs,
        output: [output],
        attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
      })),
      initializer: Array.from(graph.constants, ([name, constant]) => tensor(name, constant)),
      input: [value(input)],
      output: [value(output)],
    },
  }).finish();
}

function attribute(name: string, value: Attribute) {
  if (typeof value === "number") return { name, i: value, type: ATTRIBUTE.integer };
  if ("float" in value) return { name, f: value.float, type: ATTRIBUTE.float };
  return { name, ints: value, type: ATTRIBUTE.integers };
}

function tensor(name: string, { shape, values }: Constant) {
  const dataType = ELEMENT.float32;
  // Little-endian, as in the specification and on every processor that Node supports.
  return { name, dims: shape, dataType, rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

const value = ({ name, element, shape }: GraphValue) => ({
  name,
  type: {
    tensorType: {
      elemType: ELEMENT[element],
      shape: { dim: shape.map((length) => (typeof length === "number" ? { dimValue: length } : { dimParam: length })) },
    },
  },
});
