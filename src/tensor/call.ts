/**
 * The one way to run an operator: by its name in libtorch's dispatcher, for example `call("aten::conv2d", [...])`.
 */
import { assert } from "../errors.js";
import { native } from "./native.js";
import { Tensor, wrapResult } from "./tensor.js";

interface Operator {
  readonly id: number;
  readonly returns: string;
}

const operators = new Map<string, Operator>();

/** What an operator takes: tensors, numbers, booleans, strings (dtypes, memory formats), lists; undefined for the default. */
export type Argument = Tensor | number | boolean | string | null | undefined | readonly Argument[];

function find(name: string): Operator {
  let operator = operators.get(name);
  if (operator === undefined) {
    const [base, overload = ""] = name.split(".");
    operator = native.findOperator(base, overload);
    operators.set(name, operator);
  }
  return operator;
}

/**
 * Runs an operator and gives its results as they come: a Tensor, a list, a number, or an array of these.
 *
 * @param name "namespace::operator" or "namespace::operator.overload", as in libtorch's native_functions
 * @param values positional arguments, converted by the operator's schema; missing or undefined ones take its defaults
 * @throws ERR_OPERATOR no such operator; ERR_ARGUMENT an argument of the wrong kind; ERR_LIBTORCH libtorch's own message
 */
export function callAny(name: string, values: readonly Argument[]): unknown {
  const operator = find(name);
  const result = wrapResult(native.callOperator(operator.id, values), operator.returns, values);
  recorded?.push({
    name,
    values,
    shapes: values.map((one) => (one instanceof Tensor ? one.shape : undefined)),
    result,
  });
  return result;
}

/** A call as it was made. */
export interface RecordedCall {
  readonly name: string;
  readonly values: readonly Argument[];
  /** Of the values that are tensors, which may be freed by now. */
  readonly shapes: readonly (readonly number[] | undefined)[];
  /** Of an operator that changes its first argument, that argument. */
  readonly result: unknown;
}

let recorded: RecordedCall[] | undefined;

/** Every call that a function makes, in order. Tensors that were freed on the way still tell calls apart. */
export function recordCalls(run: () => void): readonly RecordedCall[] {
  assert(recorded === undefined, "calls are recorded already");
  const calls: RecordedCall[] = [];
  recorded = calls;
  try {
    run();
  } finally {
    recorded = undefined;
  }
  return calls;
}

/** As {@link callAny}, for an operator with one tensor as its result. */
export function call(name: string, values: readonly Argument[]): Tensor {
  return callAny(name, values) as Tensor;
}
