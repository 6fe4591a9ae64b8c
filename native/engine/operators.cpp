#include "operators.h"

#include <torch/csrc/jit/frontend/function_schema_parser.h>
#include <torch/library.h>

#include <sstream>

#include "operators_schema.h"  // CMake makes it from operators.schema

namespace advprop {

namespace {

bool isOurs(const std::string& name) { return name.rfind("advprop::", 0) == 0; }

/// The lines of a text that have a schema.
std::vector<std::string> schemasIn(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  return lines;
}

/// What is wrong with a schema, or nothing.
std::string faultOf(const c10::FunctionSchema& schema) {
  const auto found = c10::Dispatcher::singleton().findSchema(schema.operator_name());
  if (!found) return "this libtorch has no such operator";
  // It may have more arguments, as long as they have defaults.
  if (!found->schema().isBackwardCompatibleWith(schema)) return "this libtorch has " + c10::str(found->schema());
  const bool implemented = !isOurs(schema.name()) || found->hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd);
  return implemented ? "" : "it is not implemented";
}

}  // namespace

napi_value schemaFaults(Environment& environment, const Arguments& arguments) {
  std::vector<std::string> faults;
  for (const std::string& line : schemasIn(toString(environment, arguments[0], "schemas"))) {
    const std::string fault = faultOf(torch::jit::parseSchema(line));
    if (!fault.empty()) faults.push_back(line + ": " + fault);
  }
  for (const auto& implemented : c10::Dispatcher::singleton().findDanglingImpls()) {
    const std::string name = c10::toString(implemented.operator_name());
    if (isOurs(name)) faults.push_back(name + ": it is implemented, but not listed");
  }
  napi_value array;
  check(environment, napi_create_array_with_length(environment.env, faults.size(), &array));
  for (size_t i = 0; i < faults.size(); ++i) {
    check(environment, napi_set_element(environment.env, array, i, fromString(environment, faults[i])));
  }
  return array;
}

// The file of each operator registers its implementation.
TORCH_LIBRARY(advprop, library) {
  for (const std::string& line : schemasIn(kOperatorsSchema)) {
    if (isOurs(line)) library.def(line.c_str());
  }
}

}  // namespace advprop
