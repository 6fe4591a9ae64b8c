/**
 * The one way to run an operator: by its name in libtorch's dispatcher, for example `call("aten::cat", [[a, b]])`. `call` has
 * types for the operators of native/operators.schema; `callAny` runs any operator, without types.
 */
import { assert } from "../errors.js";
import { native } from "./native.js";
import type { Operators } from "./operator-types.js";
import { Tensor, wrapResult } from "./tensor.js";

/** An operator that native/operators.schema lists, by its name. */
export type OperatorName = keyof Operators;

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
 * Runs any operator of libtorch's dispatcher. The result is a Tensor, a list, a number, or an array of these.
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

/**
 * Runs an operator of native/operators.schema. Its schema gives the types of the arguments and of the result.
 *
 * @param name "namespace::operator" or "namespace::operator.overload", as in libtorch's native_functions
 * @param values positional arguments. An argument with a default can be undefined, and can be left out at the end.
 * @throws ERR_ARGUMENT a value that the schema does not allow, such as a fraction for an integer; ERR_LIBTORCH libtorch's own message
 */
export function call<Name extends OperatorName>(
  name: Name,
  values: Readonly<Parameters<Operators[Name]>>,
): ReturnType<Operators[Name]> {
  return callAny(name, values) as ReturnType<Operators[Name]>;
}
