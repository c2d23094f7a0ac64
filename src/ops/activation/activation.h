// Pointwise functions: ReLU, GELU (exact and tanh), SiLU, tanh, sigmoid.
#pragma once

#include <string_view>

#include "kernels/activation.h"
#include "tensor/tensor.h"

namespace lyceum {

// y = f(x), any shape. Sources and errors: kernels/simd/math-inl.h. Gradient for x.
Tensor activation(const Tensor& x, Activation f);

// The definition, in double.
double activation_definition(Activation f, double x);

// The names of Hugging Face configurations: gelu, gelu_python; gelu_new, gelu_pytorch_tanh, gelu_python_tanh,
// gelu_fast, gelu_accurate (one formula); relu, silu, swish, tanh, sigmoid, linear. Throws Errc::kUnsupported
// with the list for another one.
Activation activation_from_name(std::string_view name);

}  // namespace lyceum
