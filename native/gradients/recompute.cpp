#include "recompute.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <thread>

#include "engine/compat.h"

namespace advprop {

namespace {

using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

/// The node of a graph that calls JavaScript for its gradients.
class Recompute : public Node {
 public:
  Recompute(Environment& environment, napi_value backward, const std::vector<at::Tensor>& inputs)
      : environment_(environment), input_(inputs[0], /*is_output=*/false), count_(inputs.size()) {
    set_next_edges(torch::autograd::collect_next_edges(inputs));
    check(environment, napi_create_reference(environment.env, backward, 1, &backward_));
  }

  // A graph may be freed at any moment, even when the environment ends. So the reference is only noted here, and deleted at the next call.
  ~Recompute() override { environment_.unused.push_back(backward_); }

  std::string name() const override { return "Recompute"; }

  variable_list apply(variable_list&& outputGradients) override {
    // libtorch runs the backward pass of CPU tensors on the calling thread, and that of other devices on threads of its own.
    TORCH_CHECK(std::this_thread::get_id() == thread_, "recomputation in the backward pass needs tensors of the CPU");
    if (!outputGradients[0].defined()) return variable_list(count_);
    napi_handle_scope scope;
    check(environment_, napi_open_handle_scope(environment_.env, &scope));
    const Handle input = environment_.tensors.add(input_.unpack().detach());
    const Handle gradient = environment_.tensors.add(outputGradients[0]);
    variable_list results;
    try {
      results = call(input, gradient);
    } catch (...) {
      finish(scope, {input, gradient});
      throw;
    }
    finish(scope, {input, gradient});
    return results;
  }

  void release_variables() override { input_.reset_data(); }

 private:
  variable_list call(Handle input, Handle gradient) {
    const napi_env env = environment_.env;
    const at::AutoGradMode graph(true);  // a backward pass has switched it off
    napi_value function, receiver, returned;
    check(environment_, napi_get_reference_value(env, backward_, &function));
    check(environment_, napi_get_undefined(env, &receiver));
    napi_value values[] = {fromNumber(environment_, static_cast<double>(input)), fromNumber(environment_, static_cast<double>(gradient))};
    check(environment_, napi_call_function(env, receiver, function, 2, values, &returned));
    variable_list results;
    for (napi_value value : toArray(environment_, returned, "gradients")) {
      if (isMissing(environment_, value)) {
        results.emplace_back();
        continue;
      }
      const Handle handle = toHandle(environment_, value, "gradient");
      results.push_back(environment_.tensors.get(handle));
      environment_.tensors.dispose(handle);
    }
    TORCH_CHECK(results.size() == count_, "there must be a gradient, or none, for each of ", count_, " inputs; got ", results.size());
    return results;
  }

  void finish(napi_handle_scope scope, std::initializer_list<Handle> handles) {
    for (const Handle handle : handles) environment_.tensors.dispose(handle);
    napi_close_handle_scope(environment_.env, scope);
  }

  Environment& environment_;
  const std::thread::id thread_ = std::this_thread::get_id();
  SavedVariable input_;
  size_t count_;
  napi_ref backward_ = nullptr;
};

}  // namespace

napi_value recompute(Environment& environment, const Arguments& arguments) {
  for (napi_ref reference : environment.unused) napi_delete_reference(environment.env, reference);
  environment.unused.clear();
  const std::vector<at::Tensor> inputs = toTensors(environment, arguments[1], "inputs");
  if (inputs.empty()) throw UserError("ERR_ARGUMENT", "recompute: there must be an input");
  at::Tensor output = toTensor(environment, arguments[0], "output").detach();
  const auto node = makeNode<Recompute>(environment, arguments[2], inputs);
  torch::autograd::set_history(output, node);
  return fromTensor(environment, std::move(output));
}

}  // namespace advprop
