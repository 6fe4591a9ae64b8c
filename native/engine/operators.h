// The operators of operators.schema, which are all that TypeScript calls: registers ours, checks libtorch's.
#pragma once
#include "environment.h"

namespace advprop {

/// (text of operators.schema) -> its faults, a line for each: an operator that this libtorch does not have, or has with another schema;
/// an operator of ours without an implementation, or an implementation without a schema.
napi_value schemaFaults(Environment& environment, const Arguments& arguments);

}  // namespace advprop
