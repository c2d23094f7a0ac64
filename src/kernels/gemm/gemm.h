// The f32 product. Every output is one chain of fused multiply-adds over k ascending, starting from 0, then
// the epilogue: its bits depend on one row of A and one column of B, and not on the other rows, the threads
// or the instruction set. There is no split over K.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/activation.h"
#include "kernels/scratch.h"

namespace lyceum::kernels {

enum class PackType : std::uint8_t { kF32, kF16, kBF16, kI8 };

// A matrix B[k][n] as it lies in memory: element (k, n) is data[k * k_stride + n * n_stride], of any
// alignment. A Linear of PyTorch [N, K]: k_stride 1, n_stride K. A Conv1D [K, N]: k_stride N, n_stride 1.
struct PackSource {
  const void* data = nullptr;
  PackType type = PackType::kF32;
  std::int64_t n = 0;
  std::int64_t k_stride = 1, n_stride = 0;
  const float* scales = nullptr;  // [N], of kI8: element (k, n) counts scales[n] times; null: once
};
// One element in f32; of kI8 without its scale.
float pack_element(PackType type, const std::byte* data, std::int64_t index);

// B packed for the kernels: panels of `width` columns, each [K][width], the last filled up with zeros.
class Panels {
 public:
  Panels() = default;
  std::int64_t n() const noexcept { return n_; }
  std::int64_t k() const noexcept { return k_; }
  std::int64_t width() const noexcept { return width_; }
  std::int64_t bytes() const noexcept { return floats_.count() * static_cast<std::int64_t>(sizeof(float)); }
  const float* data() const noexcept { return floats_.data(); }

 private:
  friend void pack(std::span<const PackSource>, std::int64_t, Panels&);
  friend void pack_below(std::span<const PackSource>, std::span<const std::int64_t>, Panels&);
  float* resize(std::int64_t n, std::int64_t k);
  AlignedFloats floats_;
  std::int64_t n_ = 0, k_ = 0, width_ = 0;
};

// Packs the sources side by side along n, all with `k` rows. Several threads for large ones. Reuses the
// memory of `to`.
void pack(std::span<const PackSource> sources, std::int64_t k, Panels& to);
// One below the other instead: the i-th has ks[i] rows, all have the same n.
void pack_below(std::span<const PackSource> sources, std::span<const std::int64_t> ks, Panels& to);

// y = act(chain + bias) + residual
struct Epilogue {
  const float* bias = nullptr;  // [N]
  Activation activation = Activation::kNone;
  float* pre_activation = nullptr;  // [M, N], also written: chain + bias
  std::int64_t pre_stride = 0;
  const float* residual = nullptr;  // [M, N]
  std::int64_t residual_stride = 0;
};

struct LeftMatrix {
  const float* data = nullptr;  // A[m][k] = data[m * stride + k], or with transposed data[k * stride + m]
  std::int64_t stride = 0;
  bool transposed = false;
};

// Where the chains of a product begin.
enum class From : std::uint8_t { kZero, kResult };  // kResult: at what stands in c

// c[m * c_stride + n] for m in [0, rows). Writes nothing else; c may not overlap the inputs.
void product(const LeftMatrix& a, std::int64_t rows, const Panels& b, float* c, std::int64_t c_stride,
             const Epilogue& epilogue = {}, From from = From::kZero);

// The same for a right-hand side that is used once: packed into this thread's scratch first.
void product_once(const LeftMatrix& a, std::int64_t rows, const PackSource& b, std::int64_t k, float* c,
                  std::int64_t c_stride, From from = From::kZero);

// The activation of a row, elementwise; y may be x.
void activate(const float* x, float* y, std::int64_t n, Activation activation) noexcept;
// dx = dy act'(x), elementwise; dx may be dy.
void activate_backward(const float* dy, const float* x, float* dx, std::int64_t n,
                       Activation activation) noexcept;

}  // namespace lyceum::kernels
