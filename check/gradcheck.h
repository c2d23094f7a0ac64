// Is an op what its definition says, and is its gradient the definition's?
//
// The definition works on F64 tensors; its gradient is taken by central differences in double, along a random
// cotangent: under a plain sum a softmax or a norm would have gradient zero, and a backward that returns
// nothing would pass.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "tensor/tensor.h"

namespace lyceum::check {

// Uniform in [low, high), from the seed alone.
Tensor random_tensor(Shape shape, std::uint64_t seed, float low = -1, float high = 1);
// The same values, but as a view with a row stride: columns of a wider tensor, from an address that is not
// aligned.
Tensor strided(const Tensor& t);
// F32 to F64.
Tensor to_double(const Tensor& t);
// x[i] of an F32 or F64 tensor with any row stride, in row-major order.
double at(const Tensor& t, std::int64_t i);
// An F64 tensor whose element i is f(i).
Tensor generate(Shape shape, const std::function<double(std::int64_t)>& f);

using Op = std::function<Tensor(const std::vector<Tensor>&)>;

struct GradcheckOptions {
  double forward_tolerance = 1e-5;   // relative to the largest output
  double backward_tolerance = 1e-4;  // relative to the largest gradient of that input
  std::vector<bool> differentiable;  // by input; empty: all
  std::uint64_t seed = 7;
};
// An empty text, or what is wrong: which input, which element, found and expected.
std::string gradcheck(const Op& op, const Op& definition, const std::vector<Tensor>& inputs,
                      const GradcheckOptions& options = {});

// The output of op, then the gradient of each input, along a random cotangent: what the comparisons of bits
// compare.
std::vector<Tensor> with_gradients(const Op& op, const std::vector<Tensor>& inputs, std::uint64_t seed = 9);

// An empty text, or the first difference between two tensors that should have the same bits.
std::string same_bits(const Tensor& a, const Tensor& b);
// Runs f with 1, 2 and 3 threads on every instruction set of the machine and compares all results with the
// first.
std::string same_bits_everywhere(const std::function<std::vector<Tensor>()>& f);

}  // namespace lyceum::check
