// Blocks and threads around the register tiles.
#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <cstring>

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

void pack_columns(const PackSource& s, std::int64_t begin, std::int64_t end, std::int64_t k_size,
                  std::int64_t width, std::int64_t at, float* panel) {
  const bool contiguous = s.n_stride == 1;
  const auto address = reinterpret_cast<std::uintptr_t>(s.data);
  if (s.type == PackType::kF32 && address % alignof(float) == 0) {  // what training packs in every step
    const auto* data = static_cast<const float*>(s.data);
    if (contiguous) {
      for (std::int64_t k = 0; k < k_size; ++k)
        std::memcpy(panel + k * width + at, data + k * s.k_stride + begin,
                    static_cast<std::size_t>(end - begin) * sizeof(float));
      return;
    }
    return pack_elements(
        [&](std::int64_t k, std::int64_t n) { return data[k * s.k_stride + n * s.n_stride]; }, false, begin,
        end, k_size, width, at, panel);
  }
  pack_elements(
      [&](std::int64_t k, std::int64_t n) {
        const float value =
            pack_element(s.type, static_cast<const std::byte*>(s.data), k * s.k_stride + n * s.n_stride);
        return s.type == PackType::kI8 ? value * s.scales[n] : value;
      },
      contiguous, begin, end, k_size, width, at, panel);
}

bool needs_copy(const LeftMatrix& a, std::int64_t rows) {
  return a.transposed || (rows > 1 && a.stride % 1024 == 0);
}

// A's block [rows][k] in this thread's scratch, when its own rows would fall on each other in the first-level
// cache (a stride that is a multiple of 4 KiB) or when it stands transposed.
const float* left_block(const LeftMatrix& a, std::int64_t m, std::int64_t rows, std::int64_t k,
                        std::int64_t k_count, std::int64_t& stride) {
  if (!needs_copy(a, rows)) {
    stride = a.stride;
    return a.data + m * a.stride + k;
  }
  static thread_local AlignedFloats scratch;
  stride = (k_count + 15) / 16 * 16;
  if (stride % 1024 == 0) stride += 16;
  float* to = scratch.grow(kBlockRows * std::max<std::int64_t>(stride, kBlockK + 16));
  if (!a.transposed) {
    for (std::int64_t r = 0; r < rows; ++r)
      std::memcpy(to + r * stride, a.data + (m + r) * a.stride + k,
                  static_cast<std::size_t>(k_count) * sizeof(float));
    return to;
  }
  for (std::int64_t k0 = 0; k0 < k_count; k0 += kStrip)
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t i = k0; i < std::min(k_count, k0 + kStrip); ++i)
        to[r * stride + i] = a.data[(k + i) * a.stride + m + r];
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

void pack(std::span<const PackSource> sources, std::int64_t k, Panels& to) {
  std::int64_t n = 0;
  for (const PackSource& s : sources) n += s.n;
  const std::int64_t width = tile_shape().columns, panels = (n + width - 1) / width;
  to.n_ = n;
  to.k_ = k;
  to.width_ = width;
  float* data = to.floats_.grow(panels * width * k + 16);
  parallel_for(panels, std::max<std::int64_t>(1, (1 << 17) / std::max<std::int64_t>(1, width * k)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t p = begin; p < end; ++p) {
                   float* panel = data + p * width * k;
                   if (p == panels - 1) std::fill_n(panel, width * k, 0.0f);
                   std::int64_t first = 0;  // of the source
                   for (const PackSource& s : sources) {
                     const std::int64_t low = std::max(p * width, first),
                                        high = std::min((p + 1) * width, first + s.n);
                     if (low < high)
                       pack_columns(s, low - first, high - first, k, width, low - p * width, panel);
                     first += s.n;
                   }
                 }
               });
}

void product(const LeftMatrix& a, std::int64_t rows, const Panels& b, float* c, std::int64_t c_stride,
             const Epilogue& epilogue) {
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
  if (needs_copy(a, rows))  // each task copies its rows of A: it should have panels to use them on
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
      if (k_size == 0)
        for (std::int64_t r = 0; r < count; ++r)
          std::fill(c + (m + r) * c_stride + n_begin, c + (m + r) * c_stride + n_end, 0.0f);
      for (std::int64_t k = 0; k < k_size; k += kBlockK) {
        const std::int64_t k_count = std::min(kBlockK, k_size - k);
        TileArgs t{};
        t.a = left_block(a, m, count, k, k_count, t.a_stride);
        t.k = k_count;
        t.panel_stride = width;
        t.c_stride = c_stride;
        t.first = k == 0;
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
                  std::int64_t c_stride) {
  static thread_local Panels scratch;
  pack({&b, 1}, k, scratch);
  product(a, rows, scratch, c, c_stride);
}

}  // namespace lyceum::kernels
