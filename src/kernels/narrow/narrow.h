// Products in bf16 and int8: narrow weights, f32 in and out.
//
// int8: y[m][n] = float(sum_k q(x)[m][k] w[n][k]) * scale_w[n] * scale_x[m], with q(x) = round(x / scale_x)
// and scale_x = max_k |x| / 127 of each row, w and scale_w the same of each output. The sum is exact: its
// bits do not depend on the instruction set, nor on threads or the other rows. bf16: both sides rounded to
// bf16 where the processor multiplies it faster than f32, f32 sums of its own order; elsewhere weights alone
// are rounded and the sum is the f32 product's chain. Its bits depend on the processor, not on threads or the
// other rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "kernels/scratch.h"

namespace lyceum::kernels {

enum class Narrow : std::uint8_t { kBF16, kInt8 };

// Which unit multiplies: for people (doctor, bench) and tests.
const char* narrow_unit(Narrow format);  // "amx", "avx512_vnni", "avx512_bf16", "avx2", "f32", "portable"

// B packed once for every instruction set: groups of 16 columns, each [K / step][16][step] with 4 bytes for
// every column (step: 4 of int8, 2 of bf16), K filled up with zeros to 64 bytes a column.
class NarrowPanels {
 public:
  Narrow format() const noexcept { return format_; }
  std::int64_t n() const noexcept { return n_; }
  std::int64_t k() const noexcept { return k_; }
  std::int64_t column_bytes() const noexcept { return column_bytes_; }  // a multiple of 64
  const std::byte* data() const noexcept { return reinterpret_cast<const std::byte*>(words_.data()); }
  const float* scales() const noexcept { return scales_.data(); }  // [N], int8
  const std::int32_t* offsets() const noexcept {
    return offsets_.data();
  }  // [N], int8: 128 times the column's sum
  std::int64_t bytes() const noexcept {
    return words_.count() * 4 + static_cast<std::int64_t>((scales_.size() + offsets_.size()) * 4);
  }

 private:
  friend void pack(std::span<const PackSource>, std::int64_t, Narrow, NarrowPanels&);
  AlignedFloats words_;
  std::vector<float> scales_;
  std::vector<std::int32_t> offsets_;
  Narrow format_ = Narrow::kInt8;
  std::int64_t n_ = 0, k_ = 0, column_bytes_ = 0;
};

// The longest chain that 32 bits hold for any bytes.
constexpr std::int64_t kMostInt8Depth = (std::int64_t{1} << 31) / (255 * 128);

// Packs the sources side by side along n, as pack() of the f32 product. int8 takes sources of that type with
// their scales as they are, and quantises the others by quantize_row; k may not exceed kMostInt8Depth.
void pack(std::span<const PackSource> sources, std::int64_t k, Narrow format, NarrowPanels& to);

// q = round(x / scale) in [-127, 127], ties to even, with scale = max |x| / 127: the one rule for weights and
// activations. A row of zeros (or below 1e-30) has scale 0; one that is not finite has scale NaN.
float quantize_row(const float* x, std::int64_t n, std::int8_t* q) noexcept;

// c = act(product + bias) + residual, as the f32 product; a may not be transposed.
void product(const LeftMatrix& a, std::int64_t rows, const NarrowPanels& b, float* c, std::int64_t c_stride,
             const Epilogue& epilogue = {});

}  // namespace lyceum::kernels
