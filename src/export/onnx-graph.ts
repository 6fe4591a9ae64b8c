/** The graph of an ONNX file while it is built: nodes in order of computation, and constants, under names. */
import { assert } from "../errors.js";

/** Numbers that the file holds. */
export interface Constant {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A float is given as { float }; other numbers are integers. */
export type Attribute = number | readonly number[] | { readonly float: number };

export interface OnnxNode {
  /** Its operator in ONNX's own domain, https://onnx.ai/onnx/operators. */
  readonly operator: string;
  /** The layer it is of, then its operator. */
  readonly name: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export class OnnxGraph {
  nodes: OnnxNode[] = [];
  readonly constants = new Map<string, Constant>();
  readonly #names = new Set<string>();

  /** Adds a constant; one of the same name must be the same. */
  constant(name: string, shape: readonly number[], values: Float32Array): string {
    this.constants.set(name, { shape, values });
    this.#names.add(name);
    return name;
  }

  /** One float without dimensions. */
  float(name: string, value: number): string {
    return this.constant(this.unused(name), [], Float32Array.of(value));
  }

  /** Adds a node, and gives the name of what it computes, by default the node's own. */
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

  /** Gives the last node's result the name of the file's output. */
  renameLast(output: string): void {
    const last = this.nodes.pop();
    assert(last !== undefined, "the graph is empty");
    this.nodes.push({ ...last, output });
  }

  /** A name, with a number behind it where it is taken. */
  unused(name: string): string {
    let free = name;
    for (let i = 2; this.#names.has(free); i++) free = `${name}_${i}`;
    this.#names.add(free);
    return free;
  }
}
