// Register tiles: 8 x 48 on AVX-512 (24 accumulators, 3 loads and 8 broadcasts a step), 6 x 16 on AVX2 (12, 2
// and 6) and NEON (24 of 4 lanes). 48 divides every width of the families at hand, 8 every usual number of
// rows.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/gemm_kernel.cpp"
#include "kernels/gemm/gemm_kernel.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/gemm/tile-inl.h"
#include "kernels/isa.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/lanes-inl.h"
#include "kernels/simd/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX3
constexpr int kTileRows = 8, kTileVectors = 3;
#elif HWY_TARGET == HWY_AVX2
constexpr int kTileRows = 6, kTileVectors = 2;
#else
constexpr int kTileRows = 6, kTileVectors = 4;
#endif

template <int kVectors, bool kTransposed>
void Rows(const TileArgs& t) {
  switch (t.rows) {
    case 1:
      return Tile<1, kVectors, kTransposed, true>(t, t.columns, t.first);
    case 2:
      return Tile<2, kVectors, kTransposed, true>(t, t.columns, t.first);
    case 3:
      return Tile<3, kVectors, kTransposed, true>(t, t.columns, t.first);
    case 4:
      return Tile<4, kVectors, kTransposed, true>(t, t.columns, t.first);
    case 5:
      return Tile<5, kVectors, kTransposed, true>(t, t.columns, t.first);
    case 6:
      return Tile<6, kVectors, kTransposed, true>(t, t.columns, t.first);
#if HWY_TARGET <= HWY_AVX3
    case 7:
      return Tile<7, kVectors, kTransposed, true>(t, t.columns, t.first);
    case 8:
      return Tile<8, kVectors, kTransposed, true>(t, t.columns, t.first);
#endif
    default:
      return;
  }
}

// Panels packed for another instruction set are read in parts of 16 columns (every width is a multiple of
// it).
template <bool kTransposed>
void TileRowOf(const TileArgs& args, std::int64_t row_count) {
  constexpr std::int64_t kColumns = static_cast<std::int64_t>(hn::MaxLanes(F32())) * kTileVectors;
  TileArgs t = args;
  // The lines of the next panel, shared out over this one's tiles.
  const std::int64_t tiles = (row_count + kTileRows - 1) / kTileRows,
                     lines = args.panel_stride / 4;  // of 4 rows of k
  t.ahead_lines = static_cast<int>((lines + tiles - 1) / tiles);
  for (std::int64_t m = 0; m < row_count; m += kTileRows) {
    t.a = args.a + m * (kTransposed ? 1 : args.a_stride);
    t.c = args.c + m * args.c_stride;
    t.rows = row_count - m < kTileRows ? row_count - m : kTileRows;
    t.ahead = args.ahead + (m / kTileRows) * t.ahead_lines * (t.k / 4) * 16;
    if (t.panel_stride % kColumns == 0) {
      for (std::int64_t n = 0; n < args.columns; n += kColumns) {
        TileArgs part = t;
        part.panel = t.panel + n;
        part.c = t.c + n;
        part.columns = args.columns - n < kColumns ? args.columns - n : kColumns;
        Rows<kTileVectors, kTransposed>(part);
      }
    } else {
      constexpr std::int64_t kNarrow = 16;
      for (std::int64_t n = 0; n < args.columns; n += kNarrow) {
        TileArgs part = t;
        part.panel = t.panel + n;
        part.c = t.c + n;
        part.columns = args.columns - n < kNarrow ? args.columns - n : kNarrow;
        Rows<static_cast<int>(kParts), kTransposed>(part);
      }
    }
  }
}

void TileRowImpl(const TileArgs& args, std::int64_t row_count) {
  args.transposed ? TileRowOf<true>(args, row_count) : TileRowOf<false>(args, row_count);
}

void TurnImpl(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t cols, float* to,
              std::int64_t to_stride) {
  Transpose(from, stride, rows, cols, to, to_stride);
}

TileShape ShapeImpl() { return {kTileRows, static_cast<std::int64_t>(hn::MaxLanes(F32())) * kTileVectors}; }

template <Activation kActivation>
void EpilogueFor(float* c, std::int64_t c_stride, std::int64_t rows, std::int64_t n_begin, std::int64_t n_end,
                 std::int64_t m_begin, const Epilogue& e) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t r = 0; r < rows; ++r) {
    float* y = c + r * c_stride;
    float* pre = e.pre_activation == nullptr ? nullptr : e.pre_activation + (m_begin + r) * e.pre_stride;
    const float* residual = e.residual == nullptr ? nullptr : e.residual + (m_begin + r) * e.residual_stride;
    for (std::int64_t n = n_begin; n < n_end; n += step) {
      VF32 x = LoadTail(d, y, n, n_end);
      if (e.bias != nullptr) x = hn::Add(x, LoadTail(d, e.bias, n, n_end));
      if (pre != nullptr) StoreTail(d, x, pre, n, n_end);
      x = Activate<kActivation>(d, x);
      if (residual != nullptr) x = hn::Add(x, LoadTail(d, residual, n, n_end));
      StoreTail(d, x, y, n, n_end);
    }
  }
}

void EpilogueImpl(float* c, std::int64_t c_stride, std::int64_t rows, std::int64_t n_begin,
                  std::int64_t n_end, std::int64_t m_begin, const Epilogue& e) {
  WithActivation(e.activation, [&](auto activation) {
    EpilogueFor<decltype(activation)::value>(c, c_stride, rows, n_begin, n_end, m_begin, e);
  });
}

template <Activation kActivation>
void BackwardFor(const float* dy, const float* x, float* dx, std::int64_t n) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < n; i += step)
    StoreTail(d, hn::Mul(LoadTail(d, dy, i, n), Slope<kActivation>(d, LoadTail(d, x, i, n))), dx, i, n);
}

void BackwardImpl(const float* dy, const float* x, float* dx, std::int64_t n, Activation activation) {
  WithActivation(activation, [&](auto f) { BackwardFor<decltype(f)::value>(dy, x, dx, n); });
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lyceum::kernels {

HWY_EXPORT(ShapeImpl);
HWY_EXPORT(TileRowImpl);
HWY_EXPORT(TurnImpl);
HWY_EXPORT(EpilogueImpl);
HWY_EXPORT(BackwardImpl);

TileShape tile_shape() { return LYCEUM_DISPATCH(ShapeImpl)(); }
TileRow tile_row() { return LYCEUM_DISPATCH(TileRowImpl); }
Turn turn() { return LYCEUM_DISPATCH(TurnImpl); }
EpilogueRows epilogue_rows() { return LYCEUM_DISPATCH(EpilogueImpl); }

void activate(const float* x, float* y, std::int64_t n, Activation activation) noexcept {
  if (x != y)
    for (std::int64_t i = 0; i < n; ++i) y[i] = x[i];
  LYCEUM_DISPATCH(EpilogueImpl)(y, n, 1, 0, n, 0, Epilogue{.activation = activation});
}

void activate_backward(const float* dy, const float* x, float* dx, std::int64_t n,
                       Activation activation) noexcept {
  LYCEUM_DISPATCH(BackwardImpl)(dy, x, dx, n, activation);
}

}  // namespace lyceum::kernels
#endif
