// A low-precision copy of a parameter in the parameter's place: passes compute with the copy, and the gradient reaches
// the parameter in the parameter's own precision, so that the gradients of several passes add up in it.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace advprop {

namespace {

struct Shadow : torch::autograd::Function<Shadow> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& parameter, const at::Tensor& shadow) {
    context->saved_data["dtype"] = static_cast<int64_t>(parameter.scalar_type());
    return shadow.detach();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    return {gradients[0].to(static_cast<at::ScalarType>(context->saved_data["dtype"].toInt())), at::Tensor()};
  }
};

}  // namespace

TORCH_LIBRARY_FRAGMENT(advprop, library) {
  library.def("shadow(Tensor parameter, Tensor shadow) -> Tensor",
              [](const at::Tensor& parameter, const at::Tensor& shadow) { return Shadow::apply(parameter, shadow); });
}

}  // namespace advprop
