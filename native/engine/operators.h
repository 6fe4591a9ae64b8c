// Every operator that TypeScript calls: the schemas of operators.schema.
#pragma once
#include "environment.h"

namespace advprop {

/// (text of operators.schema) -> what is wrong with it, a line for each operator that this libtorch does not have so, and for each
/// of ours that has no implementation, or an implementation and no schema. Empty where all is well.
napi_value schemaFaults(Environment& environment, const Arguments& arguments);

}  // namespace advprop
