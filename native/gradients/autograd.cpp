#include "autograd.h"

#include "engine/compat.h"

namespace advprop {

namespace {

using torch::autograd::variable_list;

napi_value tensorOrNull(Environment& environment, const at::Tensor& tensor) {
  if (tensor.defined()) return fromTensor(environment, tensor);
  napi_value null;
  check(environment, napi_get_null(environment.env, &null));
  return null;
}

at::Tensor lossOf(Environment& environment, napi_value value) {
  at::Tensor loss = toTensor(environment, value, "loss");
  if (loss.numel() != 1) throw UserError("ERR_SHAPE", "gradient: the loss must be a scalar; got " + std::to_string(loss.numel()) + " elements");
  if (!loss.requires_grad()) {
    throw UserError("ERR_GRADIENT", "gradient: the loss does not depend on anything that requires a gradient");
  }
  return loss;
}

}  // namespace

napi_value setRequiresGrad(Environment& environment, const Arguments& arguments) {
  toTensor(environment, arguments[0], "tensor").set_requires_grad(toBoolean(environment, arguments[1], "flag"));
  return undefined(environment);
}

napi_value gradients(Environment& environment, const Arguments& arguments) {
  const bool given = arguments.count > 2 && !isMissing(environment, arguments[2]);
  const at::Tensor loss = given ? toTensor(environment, arguments[0], "output") : lossOf(environment, arguments[0]);
  const variable_list gradient = given ? variable_list{toTensor(environment, arguments[2], "gradient")} : variable_list{};
  const auto inputs = toTensors(environment, arguments[1], "inputs");
  const auto results = torch::autograd::grad({loss}, inputs, gradient, /*retain_graph=*/false, /*create_graph=*/false, /*allow_unused=*/true);
  napi_value array;
  check(environment, napi_create_array_with_length(environment.env, results.size(), &array));
  for (size_t i = 0; i < results.size(); ++i) check(environment, napi_set_element(environment.env, array, i, tensorOrNull(environment, results[i])));
  return array;
}

napi_value accumulateGradients(Environment& environment, const Arguments& arguments) {
  const at::Tensor loss = lossOf(environment, arguments[0]);
  const auto leaves = toTensors(environment, arguments[1], "leaves");
  // libtorch takes an empty list for every leaf of the graph.
  if (leaves.empty()) throw UserError("ERR_GRADIENT", "gradient: the list of leaves is empty");
  torch::autograd::backward({loss}, {}, /*retain_graph=*/false, /*create_graph=*/false, leaves);
  return undefined(environment);
}

napi_value storedGradient(Environment& environment, const Arguments& arguments) {
  return tensorOrNull(environment, toTensor(environment, arguments[0], "leaf").grad());
}

napi_value storeGradients(Environment& environment, const Arguments& arguments) {
  const std::vector<napi_value> gradients = toArray(environment, arguments[1], "gradients");
  const auto leaves = toTensors(environment, arguments[0], "leaves");
  if (gradients.size() != leaves.size()) throw UserError("ERR_ARGUMENT", "there must be one gradient for each leaf");
  for (size_t i = 0; i < leaves.size(); ++i) {
    at::Tensor leaf = leaves[i];
    leaf.mutable_grad() = isMissing(environment, gradients[i]) ? at::Tensor() : toTensor(environment, gradients[i], "gradient");
  }
  return undefined(environment);
}

napi_value clearGradients(Environment& environment, const Arguments& arguments) {
  for (auto& leaf : toTensors(environment, arguments[0], "leaves")) leaf.mutable_grad() = at::Tensor();
  return undefined(environment);
}

}  // namespace advprop
