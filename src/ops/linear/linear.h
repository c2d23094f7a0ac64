// y = act(x W^T + b) (+ residual), with one product for several weights that share their input (query, key,
// value). A product of two activations is ops/matmul; inside a sequence, ops/attention.
#pragma once

#include <memory>
#include <vector>

#include "kernels/activation.h"
#include "ops/linear/weight.h"

namespace lyceum {

struct LinearPart {
  WeightPtr weight;  // [D, C] or [C, D], as its orientation says
  WeightPtr bias;    // [D], or null
};

// Holds the panels that its weights are packed into on first use: one set for y, and one for dx when
// gradients need it. Packing gives the pages of a mapped file back, so that the working set stays near the
// weights' size in f32. Safe to call from several threads; Weight::assign must not run at the same time.
class Linear {
 public:
  Linear() = default;
  Linear(WeightPtr weight, WeightPtr bias)
      : Linear(std::vector<LinearPart>{{std::move(weight), std::move(bias)}}) {}
  // Outputs stand one after another: [T, D1 + D2 + ...]. All weights have the same inputs; all or none have a
  // bias. Throws Errc::kData otherwise.
  explicit Linear(std::vector<LinearPart> parts);

  std::int64_t inputs() const noexcept;
  std::int64_t outputs() const noexcept;

  // x [T, C], any row stride; residual [T, D] or not defined. Gradients for x, residual, weights and biases.
  // Each output is one chain of fused multiply-adds over the inputs in order: its bits depend on its row
  // alone.
  Tensor operator()(const Tensor& x, Activation activation = Activation::kNone,
                    const Tensor& residual = {}) const;

 private:
  struct Packed;
  std::shared_ptr<Packed> packed_;
};

}  // namespace lyceum
