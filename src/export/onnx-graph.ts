/** The graph of an ONNX file during its construction: nodes in the order of computation, and constants by name. */
import { assert } from "../errors.js";

/** A constant tensor of the file. */
export interface Constant {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A float is written as { float }. Other numbers are integers. */
export type Attribute = number | readonly number[] | { readonly float: number };

export interface OnnxNode {
  /** Its operator in the default domain of ONNX, https://onnx.ai/onnx/operators. */
  readonly operator: string;
  /** Its layer and its operator. */
  readonly name: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export class OnnxGraph {
  nodes: OnnxNode[] = [];
  readonly constants = new Map<string, Constant>();
  readonly #names = new Set<string>();

  /** Adds a constant. Constants with the same name must be equal. */
  constant(name: string, shape: readonly number[], values: Float32Array): string {
    this.constants.set(name, { shape, values });
    this.#names.add(name);
    return name;
  }

  /** A float without dimensions. */
  float(name: string, value: number): string {
    return this.constant(this.unused(name), [], Float32Array.of(value));
  }

  /** Adds a node and returns the name of its output, which by default is the name of the node. */
  node(
    layer: string,
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output?: string,
  ): string {
    const name = this.unused(`${layer}/${operator}`);
    this.nodes.push({ operator, name, inputs, output: output ?? name, attributes });
    return output ?? name;
  }

  /** Renames the result of the last node to the output of the file. */
  renameLast(output: string): void {
    const last = this.nodes.pop();
    assert(last !== undefined, "the graph is empty");
    this.nodes.push({ ...last, output });
  }

  /** The name itself, or with a number appended if it is used already. */
  unused(name: string): string {
    let free = name;
    for (let i = 2; this.#names.has(free); i++) free = `${name}_${i}`;
    this.#names.add(free);
    return free;
  }
}
