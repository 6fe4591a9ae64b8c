import { type Argument, callAny, type Tensor } from "../../src/tensor/index.js";

/** What an operator gives that native/operators.schema does not list, or with arguments that it does not allow: one tensor. */
export const callUntyped = (name: string, values: readonly Argument[]): Tensor => callAny(name, values) as Tensor;
