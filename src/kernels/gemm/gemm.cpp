// Blocks and threads around the register tiles.
#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/parallel.h"
#include "kernels/convert.h"
#include "kernels/gemm/gemm_kernel.h"

namespace lyceum::kernels {
namespace {

constexpr std::int64_t kBlockK = 768;    // a panel's part of 48 columns: 144 KiB of the second-level cache
constexpr std::int64_t kBlockRows = 96;  // with kBlockK: 288 KiB of A

constexpr std::int64_t kStrip = 16;  // of k: a cache line of each source row, if k is contiguous there

// Columns [begin, end) of a source into a panel, starting at its column `at`. `element` reads (k, n).
template <class Element>
void pack_elements(const Element& element, bool n_is_contiguous, std::int64_t begin, std::int64_t end,
                   std::int64_t k_size, std::int64_t width, std::int64_t at, float* panel) {
  for (std::int64_t k0 = 0; k0 < k_size; k0 += kStrip) {
    const std::int64_t k1 = std::min(k_size, k0 + kStrip);
    if (n_is_contiguous) {
      for (std::int64_t k = k0; k < k1; ++k)
        for (std::int64_t n = begin; n < end; ++n) panel[k * width + at + n - begin] = element(k, n);
    } else {
      for (std::int64_t n = begin; n < end; ++n)
        for (std::int64_t k = k0; k < k1; ++k) panel[k * width + at + n - begin] = element(k, n);
    }
  }
}

// Lines of a cache, whole where they are: GCC makes `rep movs` of a copy whose length it does not know.
void copy_floats(const float* from, std::int64_t n, float* to) {
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) std::memcpy(to + i, from + i, 16 * sizeof(float));
  for (; i < n; ++i) to[i] = from[i];
}

void pack_columns(const PackSource& s, std::int64_t begin, std::int64_t end, std::int64_t k_size,
                  std::int64_t width, std::int64_t at, float* panel) {
  const bool contiguous = s.n_stride == 1;
  const auto address = reinterpret_cast<std::uintptr_t>(s.data);
  if (s.type == PackType::kF32 && address % alignof(float) == 0) {  // what training packs in every step
    const auto* data = static_cast<const float*>(s.data);
    if (contiguous) {
      for (std::int64_t k = 0; k < k_size; ++k)
        copy_floats(data + k * s.k_stride + begin, end - begin, panel + k * width + at);
      return;
    }
    if (s.k_stride == 1)
      return turn()(data + begin * s.n_stride, s.n_stride, end - begin, k_size, panel + at, width);
  }
  pack_elements(
      [&](std::int64_t k, std::int64_t n) {
        const float value =
            pack_element(s.type, static_cast<const std::byte*>(s.data), k * s.k_stride + n * s.n_stride);
        return s.scales != nullptr ? value * s.scales[n] : value;
      },
      contiguous, begin, end, k_size, width, at, panel);
}

// Where A stands transposed, where its rows would fall on each other in the first-level cache (a stride that
// is a multiple of 4 KiB), and where there are many: 96 rows where they stand are more pages than the
// processor keeps at hand (1024 x 768 x 768 on Cascade Lake: 195 -> 227 GFLOP/s).
bool needs_copy(const LeftMatrix& a, std::int64_t rows) {
  return a.transposed || (rows > 1 && a.stride % 1024 == 0) || rows > 4 * kBlockRows;
}

// A's block in this thread's scratch: [rows][k], or [k][rows] of one that stands transposed, whose tiles find
// their rows side by side.
const float* left_block(const LeftMatrix& a, std::int64_t m, std::int64_t rows, std::int64_t k,
                        std::int64_t k_count, bool copies, std::int64_t& stride) {
  if (!copies) {
    stride = a.stride;
    return a.data + m * a.stride + k;
  }
  static thread_local AlignedFloats scratch;
  float* to = scratch.grow(kBlockRows * (kBlockK + 16));
  if (a.transposed) {
    stride = kBlockRows;
    for (std::int64_t i = 0; i < k_count; ++i)
      copy_floats(a.data + (k + i) * a.stride + m, rows, to + i * stride);
  } else {
    stride = (k_count + 15) / 16 * 16;
    if (stride % 1024 == 0) stride += 16;
    for (std::int64_t r = 0; r < rows; ++r)
      copy_floats(a.data + (m + r) * a.stride + k, k_count, to + r * stride);
  }
  return to;
}

}  // namespace

float pack_element(PackType type, const std::byte* data, std::int64_t index) {
  if (type == PackType::kI8) return static_cast<float>(static_cast<std::int8_t>(data[index]));
  if (type == PackType::kF32) {
    float f;
    std::memcpy(&f, data + 4 * index, 4);
    return f;
  }
  std::uint16_t h;
  std::memcpy(&h, data + 2 * index, 2);
  return type == PackType::kBF16 ? bf16_to_f32(h) : f16_to_f32(h);
}

float* Panels::resize(std::int64_t n, std::int64_t k) {
  n_ = n;
  k_ = k;
  width_ = tile_shape().columns;
  return floats_.grow((n + width_ - 1) / width_ * width_ * k + 16);
}

namespace {

// fill(panel, its first column, its memory) for all of them, whose last is zeros first.
void fill_panels(const Panels& of, float* data,
                 FunctionRef<void(std::int64_t begin, std::int64_t end, float* panel)> fill) {
  const std::int64_t width = of.width(), panels = (of.n() + width - 1) / width, size = width * of.k();
  parallel_for(panels, std::max<std::int64_t>(1, (1 << 17) / std::max<std::int64_t>(1, size)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t p = begin; p < end; ++p) {
                   if (p == panels - 1) std::fill_n(data + p * size, size, 0.0f);
                   fill(p * width, std::min(of.n(), (p + 1) * width), data + p * size);
                 }
               });
}

}  // namespace

void pack(std::span<const PackSource> sources, std::int64_t k, Panels& to) {
  std::int64_t n = 0;
  for (const PackSource& s : sources) n += s.n;
  float* data = to.resize(n, k);
  fill_panels(to, data, [&](std::int64_t begin, std::int64_t end, float* panel) {
    std::int64_t first = 0;  // of the source
    for (const PackSource& s : sources) {
      const std::int64_t low = std::max(begin, first), high = std::min(end, first + s.n);
      if (low < high) pack_columns(s, low - first, high - first, k, to.width(), low - begin, panel);
      first += s.n;
    }
  });
}

void pack_below(std::span<const PackSource> sources, std::span<const std::int64_t> ks, Panels& to) {
  float* data = to.resize(sources[0].n, std::accumulate(ks.begin(), ks.end(), std::int64_t{0}));
  fill_panels(to, data, [&](std::int64_t begin, std::int64_t end, float* panel) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      pack_columns(sources[i], begin, end, ks[i], to.width(), 0, panel);
      panel += ks[i] * to.width();
    }
  });
}

void product(const LeftMatrix& a, std::int64_t rows, const Panels& b, float* c, std::int64_t c_stride,
             const Epilogue& epilogue, From from) {
  const std::int64_t n_size = b.n(), k_size = b.k(), width = b.width();
  if (rows <= 0 || n_size <= 0) return;
  const TileRow run = tile_row();
  const EpilogueRows finish = epilogue_rows();
  const std::int64_t tile = tile_shape().rows;
  const bool plain = epilogue.bias == nullptr && epilogue.activation == Activation::kNone &&
                     epilogue.pre_activation == nullptr && epilogue.residual == nullptr;
  const std::int64_t panels = (n_size + width - 1) / width;
  const std::int64_t threads = thread_count();

  // Few rows: share out the panels. Many: share out blocks of rows, of one size as nearly as tiles allow.
  std::int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  if (blocks > 1 && threads > 1 && blocks % threads != 0 && blocks < 4 * threads)
    blocks += threads - blocks % threads;
  const std::int64_t block_rows = ((rows + blocks - 1) / blocks + tile - 1) / tile * tile;
  blocks = (rows + block_rows - 1) / block_rows;
  std::int64_t groups = 1;
  if (threads > 1 && blocks < 4 * threads) groups = std::min(panels, (4 * threads + blocks - 1) / blocks);
  const bool copies = needs_copy(a, rows);
  if (copies)  // each task copies its rows of A: it should have panels to use them on
    groups = std::min(groups, std::max((panels + 3) / 4, (threads + blocks - 1) / blocks));
  const double work =
      2.0 * static_cast<double>(rows) * static_cast<double>(n_size) * static_cast<double>(k_size);
  if (work < 4e5) groups = blocks = 1;
  const std::int64_t per_block = blocks == 1 ? rows : block_rows, group = (panels + groups - 1) / groups;

  const auto one = [&](std::int64_t task, int) {
    const std::int64_t first_panel = (task % groups) * group,
                       last_panel = std::min(panels, first_panel + group);
    for (std::int64_t m = (task / groups) * per_block, end = std::min(rows, m + per_block); m < end;
         m += kBlockRows) {
      const std::int64_t count = std::min(kBlockRows, end - m);
      const std::int64_t n_begin = first_panel * width, n_end = std::min(n_size, last_panel * width);
      if (k_size == 0 && from == From::kZero)
        for (std::int64_t r = 0; r < count; ++r)
          std::fill(c + (m + r) * c_stride + n_begin, c + (m + r) * c_stride + n_end, 0.0f);
      for (std::int64_t k = 0; k < k_size; k += kBlockK) {
        const std::int64_t k_count = std::min(kBlockK, k_size - k);
        TileArgs t{};
        t.a = left_block(a, m, count, k, k_count, copies, t.a_stride);
        t.transposed = a.transposed;
        t.k = k_count;
        t.panel_stride = width;
        t.c_stride = c_stride;
        t.first = k == 0 && from == From::kZero;
        for (std::int64_t p = first_panel; p < last_panel; ++p) {
          t.panel = b.data() + (p * k_size + k) * width;
          t.c = c + m * c_stride + p * width;
          t.columns = std::min(width, n_size - p * width);
          // What is read next: the next panel; then the first one's next part; then what this thread's next
          // task may begin with.
          std::int64_t next = p + 1, next_k = k;
          if (next == last_panel) next = first_panel, next_k = k + k_count;
          if (next_k == k_size)
            next_k = 0,
            next = first_panel + group * threads < panels ? first_panel + group * threads : first_panel;
          t.ahead = b.data() + (next * k_size + next_k) * width;
          run(t, count);
          if (!plain && k + k_count == k_size)
            finish(c + m * c_stride, c_stride, count, p * width, p * width + t.columns, m, epilogue);
        }
      }
      if (!plain && k_size == 0) finish(c + m * c_stride, c_stride, count, n_begin, n_end, m, epilogue);
    }
  };
  if (blocks * groups == 1) {
    one(0, 0);
  } else {
    parallel_tasks(blocks * groups, one);
  }
}

void product_once(const LeftMatrix& a, std::int64_t rows, const PackSource& b, std::int64_t k, float* c,
                  std::int64_t c_stride, From from) {
  static thread_local Panels scratch;
  pack({&b, 1}, k, scratch);
  product(a, rows, scratch, c, c_stride, {}, from);
}

}  // namespace lyceum::kernels
