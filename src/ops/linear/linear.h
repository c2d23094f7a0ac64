// y = act(x W^T + b + the adapter's part) (+ residual), with one product for several weights that share their
// input (query, key, value). A product of two activations is ops/matmul; inside a sequence, ops/attention.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "kernels/activation.h"
#include "ops/linear/weight.h"

namespace lyceum {

// What products are computed in. bf16 and int8 (each token's inputs and each output's weights rounded to 127
// steps of their largest value) are those of kernels/narrow; sums, biases and activations stay f32.
enum class Compute : std::uint8_t { kF32, kBF16, kInt8 };
const char* compute_name(Compute compute) noexcept;  // "f32", "bf16", "int8"
// Throws Errc::kUnsupported for another name, with the list.
Compute compute_from_name(std::string_view name);
// Whether this processor has a unit that multiplies in this format faster than in f32.
bool multiplies_faster(Compute compute);

struct LinearPart {
  WeightPtr weight;  // [D, C] or [C, D], as its orientation says
  WeightPtr bias;    // [D], or null
};

// What a weight W that stays as it is gets added during training: W + scale B A. Source: Hu et al. 2021,
// "LoRA", section 4.1; scale is alpha / r, or alpha / sqrt(r) (Kalajdzievski 2023, "rsLoRA").
struct LowRank {
  WeightPtr down;  // A [r, C]
  WeightPtr up;    // B [D, r]
  float scale = 1;
  float dropout = 0;         // of x on its way to A, where an AdapterDropout says whose rows they are
  std::uint64_t stream = 0;  // of its random numbers, one for each adapter
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

  bool exists() const noexcept { return packed_ != nullptr; }  // false for Linear()
  std::int64_t inputs() const noexcept;
  std::int64_t outputs() const noexcept;
  const std::vector<LinearPart>& parts() const noexcept;

  // From the next call on. Unless set: int8 where a weight is quantised, else f32. Copies of this Linear
  // share it; must not run at the same time as a call. Throws Errc::kLimit when there are more inputs than an
  // exact sum of int8 holds.
  void set_compute(Compute compute);
  Compute compute() const noexcept;

  // y = act(x W^T + b + scale drop(x) A^T B^T) + residual for this part from the next call on; A and B are
  // products in f32 whatever compute() says. Copies of this Linear share it; must not run at the same time as
  // a call. Throws Errc::kData for shapes that do not fit the part's weight.
  void adapt(std::size_t part, const LowRank& change);

  // x [T, C], any row stride; residual [T, D] or not defined. Gradients for x, residual, weights and biases,
  // in f32 and, their products too, in bf16. In int8 for x and residual: those of the weights as they are
  // stored, du W in f32 with W widened a few columns at a time, the rounding of x counting as the identity
  // (the straight-through estimate); Errc::kUnsupported where a weight is trained or not stored in int8.
  // Panels of weights that are trained are not kept while a tape records: the next step changes them; x is
  // kept for the gradients of weights only. Each output is one chain of fused multiply-adds over the inputs
  // in order, or an exact sum of int8: its bits depend on its row alone.
  Tensor operator()(const Tensor& x, Activation activation = Activation::kNone,
                    const Tensor& residual = {}) const;

 private:
  Tensor product(const Tensor& x, Activation activation, const Tensor& residual) const;
  Tensor adapters_part(const Tensor& x, const Tensor& residual) const;
  struct Packed;
  std::shared_ptr<Packed> packed_;
};

}  // namespace lyceum
