#include "ops/activation/activation.h"

#include <string>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/gemm/gemm.h"
#include "tensor/tape.h"

namespace lyceum {

Tensor activation(const Tensor& x, Activation f) {
  constexpr std::int64_t kGrain = 1 << 14;
  const Tensor from = x.contiguous();
  Tensor y = Tensor::empty(x.shape());
  float* to = y.mutable_data<float>();
  parallel_for(x.elements(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels::activate(from.data<float>() + begin, to + begin, end - begin, f);
  });
  if (Tape* tape = recording({&x}))
    tape->record("activation", {&y}, [x, from = from.detached(), f](BackwardPass& pass) {  // dx = dy f'(x)
      const Tensor& dy = pass.cotangent();
      Tensor dx = Tensor::empty(x.shape());
      kernels::activate_backward(dy.data<float>(), from.data<float>(), dx.mutable_data<float>(), x.elements(),
                                 f);
      pass.add(x, std::move(dx));
    });
  return y;
}

Activation activation_from_name(std::string_view name) {
  static constexpr std::pair<std::string_view, Activation> kNames[] = {
      {"gelu", Activation::kGeluErf},
      {"gelu_python", Activation::kGeluErf},
      {"gelu_new", Activation::kGeluTanh},
      {"gelu_pytorch_tanh", Activation::kGeluTanh},
      {"gelu_fast", Activation::kGeluTanh},
      {"gelu_accurate", Activation::kGeluTanh},
      {"gelu_python_tanh", Activation::kGeluTanh},
      {"relu", Activation::kRelu},
      {"silu", Activation::kSilu},
      {"swish", Activation::kSilu},
      {"tanh", Activation::kTanh},
      {"sigmoid", Activation::kSigmoid},
      {"linear", Activation::kNone}};
  std::string known;
  for (const auto& [text, value] : kNames) {
    if (text == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  fail(Errc::kUnsupported, "activation: found '{}', expected one of: {}", name, known);
}

}  // namespace lyceum
