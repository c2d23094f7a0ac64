// Blocks and threads around the units.
#include "kernels/narrow/narrow.h"

#include <algorithm>
#include <cstring>

#include "base/parallel.h"
#include "kernels/convert.h"
#include "kernels/gemm/gemm_kernel.h"
#include "kernels/narrow/narrow_units.h"

namespace lyceum::kernels {
namespace {

constexpr std::int64_t kBlockRows = 256;     // of a: 192 KiB of bytes at a depth of 768
constexpr std::int64_t kWidenedDepth = 768;  // of an f32 panel of 48 columns: 144 KiB

// One column of B as f32, or as bytes with its scale where the source has them.
void gather_column(const PackSource& s, std::int64_t column, std::int64_t k, float* to) {
  const auto* data = static_cast<const std::byte*>(s.data);
  for (std::int64_t i = 0; i < k; ++i)
    to[i] = pack_element(s.type, data, i * s.k_stride + column * s.n_stride);
}

void pack_bytes(const PackSource& s, std::int64_t column, std::int64_t k, float* values, std::int8_t* q,
                float& scale) {
  if (s.type != PackType::kI8) {
    gather_column(s, column, k, values);
    scale = quantize_row(values, k, q);
    return;
  }
  const auto* data = static_cast<const std::int8_t*>(s.data);
  for (std::int64_t i = 0; i < k; ++i) q[i] = data[i * s.k_stride + column * s.n_stride];
  scale = s.scales[column];
}

// Columns [begin, end) of a source as bf16 into a group, starting at its column `at`: pairs of k side by
// side. Strips of k, so that neither side is walked across its lines.
void pack_halves(const PackSource& s, std::int64_t begin, std::int64_t end, std::int64_t k, std::int64_t at,
                 std::byte* group) {
  constexpr std::int64_t kStrip = 32;
  const auto* data = static_cast<const std::byte*>(s.data);
  const bool is_plain =
      s.type == PackType::kF32 && reinterpret_cast<std::uintptr_t>(data) % alignof(float) == 0;
  const auto* floats = reinterpret_cast<const float*>(data);
  const auto half_of = [&](std::int64_t i, std::int64_t n) -> std::uint16_t {
    const std::int64_t index = i * s.k_stride + n * s.n_stride;
    return f32_to_bf16(is_plain ? floats[index] : pack_element(s.type, data, index));
  };
  const auto put = [&](std::int64_t i, std::int64_t n) {
    const std::uint16_t half = half_of(i, n);
    std::memcpy(group + i / 2 * 64 + (at + n - begin) * 4 + i % 2 * 2, &half, 2);
  };
  for (std::int64_t k0 = 0; k0 < k; k0 += kStrip) {
    const std::int64_t k1 = std::min(k, k0 + kStrip);
    if (s.n_stride == 1) {
      for (std::int64_t i = k0; i < k1; ++i)
        for (std::int64_t n = begin; n < end; ++n) put(i, n);
    } else {
      for (std::int64_t n = begin; n < end; ++n)
        for (std::int64_t i = k0; i < k1; ++i) put(i, n);
    }
  }
}

struct Task {
  std::int64_t row_begin, row_end, group_begin, group_end;
};

// All of a task's columns for all of its rows: sums of a block in turn, each finished while it is hot.
void run_units(const NarrowUnit& unit, const Task& task, const std::byte* a, std::int64_t a_stride,
               const float* row_scales, const NarrowPanels& b, float* c, std::int64_t c_stride,
               const Epilogue& epilogue) {
  static thread_local AlignedFloats scratch;
  const std::int64_t column_bytes = b.column_bytes(), group_stride = 16 * column_bytes,
                     width = 16 * unit.groups;
  const std::int64_t units = (kBlockRows + unit.rows - 1) / unit.rows;
  auto* sums = reinterpret_cast<std::int32_t*>(scratch.grow(units * unit.rows * width));
  if (unit.begin != nullptr) unit.begin();
  for (std::int64_t m0 = task.row_begin; m0 < task.row_end; m0 += kBlockRows) {
    const std::int64_t m1 = std::min(task.row_end, m0 + kBlockRows);
    for (std::int64_t g = task.group_begin; g < task.group_end; g += unit.groups) {
      const std::int64_t groups = std::min(unit.groups, task.group_end - g);
      multiply(unit, {.a = a + m0 * a_stride,
                      .a_stride = a_stride,
                      .b = b.data() + g * group_stride,
                      .group_stride = group_stride,
                      .column_bytes = column_bytes,
                      .sums = sums,
                      .sum_stride = width,
                      .rows = m1 - m0,
                      .groups = groups,
                      .first = true});
      const std::int64_t n = g * 16, columns = std::min(groups * 16, b.n() - n);
      finish_sums(b.format(),
                  {.sums = sums,
                   .sum_stride = width,
                   .rows = m1 - m0,
                   .columns = columns,
                   .offsets = b.offsets() + n,
                   .column_scales = b.scales() + n,
                   .row_scales = row_scales + m0,
                   .c = c + m0 * c_stride + n,
                   .c_stride = c_stride,
                   .row = m0,
                   .column = n},
                  epilogue);
    }
  }
  if (unit.end != nullptr) unit.end();
}

// bf16 without a unit: a part of the weights is widened for many rows of the f32 product.
void run_widened(const Task& task, const LeftMatrix& a, const NarrowPanels& b, float* c,
                 std::int64_t c_stride, const Epilogue& epilogue, bool plain) {
  static thread_local AlignedFloats scratch;
  const TileRow run = tile_row();
  const EpilogueRows finish = epilogue_rows();
  constexpr std::int64_t kGroups = 3, kWidth = 16 * kGroups;
  float* panel = scratch.grow(kWidenedDepth * kWidth + 16);
  const std::int64_t group_stride = 16 * b.column_bytes();
  for (std::int64_t g = task.group_begin; g < task.group_end; g += kGroups) {
    const std::int64_t groups = std::min(kGroups, task.group_end - g), n = g * 16,
                       columns = std::min(groups * 16, b.n() - n);
    for (std::int64_t k = 0; k < b.k(); k += kWidenedDepth) {
      const std::int64_t steps = std::min(kWidenedDepth, b.k() - k);
      widen_panel(b.data() + g * group_stride, group_stride, groups, k, steps, panel);
      TileArgs t{};
      t.a = a.data + task.row_begin * a.stride + k;
      t.a_stride = a.stride;
      t.k = steps;
      t.panel = t.ahead = panel;
      t.panel_stride = kWidth;
      t.c = c + task.row_begin * c_stride + n;
      t.c_stride = c_stride;
      t.columns = columns;
      t.first = k == 0;
      run(t, task.row_end - task.row_begin);
    }
    if (!plain)
      finish(c + task.row_begin * c_stride, c_stride, task.row_end - task.row_begin, n, n + columns,
             task.row_begin, epilogue);
  }
}

}  // namespace

void pack(std::span<const PackSource> sources, std::int64_t k, Narrow format, NarrowPanels& to) {
  std::int64_t n = 0;
  for (const PackSource& s : sources) n += s.n;
  const std::int64_t step = format == Narrow::kInt8 ? 4 : 2, value_bytes = 4 / step, groups = (n + 15) / 16;
  to.format_ = format;
  to.n_ = n;
  to.k_ = k;
  to.column_bytes_ = (k * value_bytes + 63) / 64 * 64;
  auto* data = reinterpret_cast<std::byte*>(to.words_.grow(groups * 16 * to.column_bytes_ / 4 + 16));
  // whole vectors may be read of these
  to.scales_.assign(format == Narrow::kInt8 ? static_cast<std::size_t>(groups * 16) : 0, 0.0f);
  to.offsets_.assign(to.scales_.size(), 0);
  parallel_for(groups, std::max<std::int64_t>(1, (1 << 16) / std::max<std::int64_t>(1, 16 * k)),
               [&](std::int64_t begin, std::int64_t end) {
                 std::vector<float> values(static_cast<std::size_t>(k));
                 std::vector<std::int8_t> q(static_cast<std::size_t>(k));
                 for (std::int64_t g = begin; g < end; ++g) {
                   std::byte* group = data + g * 16 * to.column_bytes_;
                   std::memset(group, 0, static_cast<std::size_t>(16 * to.column_bytes_));
                   std::int64_t first = 0;  // of the source
                   for (const PackSource& s : sources) {
                     const std::int64_t low = std::max(g * 16, first),
                                        high = std::min(g * 16 + 16, first + s.n);
                     if (format == Narrow::kBF16 && low < high)
                       pack_halves(s, low - first, high - first, k, low - g * 16, group);
                     for (std::int64_t c = low; format == Narrow::kInt8 && c < high; ++c) {
                       std::byte* column = group + (c - g * 16) * 4;
                       const auto at = static_cast<std::size_t>(c);
                       pack_bytes(s, c - first, k, values.data(), q.data(), to.scales_[at]);
                       std::int32_t sum = 0;
                       for (std::int64_t i = 0; i < k; ++i) {
                         const std::int8_t value = q[static_cast<std::size_t>(i)];
                         sum += value;
                         column[i / 4 * 64 + i % 4] = static_cast<std::byte>(value);
                       }
                       to.offsets_[at] = 128 * sum;
                     }
                     first += s.n;
                   }
                 }
               });
}

void product(const LeftMatrix& a, std::int64_t rows, const NarrowPanels& b, float* c, std::int64_t c_stride,
             const Epilogue& epilogue) {
  if (rows <= 0 || b.n() <= 0) return;
  const NarrowUnit& unit = narrow_unit_of(b.format());
  const bool plain = epilogue.bias == nullptr && epilogue.activation == Activation::kNone &&
                     epilogue.pre_activation == nullptr && epilogue.residual == nullptr;
  const std::int64_t groups = (b.n() + 15) / 16, threads = thread_count(),
                     unit_groups = unit.multiply != nullptr ? unit.groups : 3;

  // Few rows: share out the columns. Many: share out blocks of rows.
  std::int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  if (blocks > 1 && blocks % threads != 0 && blocks < 4 * threads) blocks += threads - blocks % threads;
  const std::int64_t block_rows = ((rows + blocks - 1) / blocks + 31) / 32 * 32;
  blocks = (rows + block_rows - 1) / block_rows;
  std::int64_t parts = 1;
  if (threads > 1 && blocks < 4 * threads)
    parts = std::min((groups + unit_groups - 1) / unit_groups, (4 * threads + blocks - 1) / blocks);
  const double work =
      2.0 * static_cast<double>(rows) * static_cast<double>(b.n()) * static_cast<double>(b.k());
  if (work < 4e5) parts = blocks = 1;
  const std::int64_t per_block = blocks == 1 ? rows : block_rows,
                     part = ((groups + parts - 1) / parts + unit_groups - 1) / unit_groups * unit_groups;
  parts = (groups + part - 1) / part;
  const auto task_of = [&](std::int64_t task) {
    return Task{.row_begin = task / parts * per_block,
                .row_end = std::min(rows, (task / parts + 1) * per_block),
                .group_begin = task % parts * part,
                .group_end = std::min(groups, (task % parts + 1) * part)};
  };
  const auto share = [&](FunctionRef<void(std::int64_t, int)> one) {
    if (blocks * parts == 1) return one(0, 0);
    parallel_tasks(blocks * parts, one);
  };

  if (unit.multiply == nullptr || b.k() == 0) {
    if (b.k() == 0)
      for (std::int64_t m = 0; m < rows; ++m) std::fill_n(c + m * c_stride, b.n(), 0.0f);
    return share(
        [&](std::int64_t task, int) { run_widened(task_of(task), a, b, c, c_stride, epilogue, plain); });
  }

  // The rows, narrowed once for all columns; tiles read whole ones of 32.
  static thread_local AlignedFloats narrowed;
  const std::int64_t padded = (rows + 31) / 32 * 32,
                     stride = b.column_bytes() + (b.column_bytes() % 4096 == 0 ? 64 : 0);
  float* space = narrowed.grow(padded * stride / 4 + padded);
  auto* bytes = reinterpret_cast<std::byte*>(space);
  float* scales = space + padded * stride / 4;
  const auto narrow = [&](std::int64_t begin, std::int64_t end) {
    narrow_rows(b.format(), a.data + begin * a.stride, a.stride, end - begin, b.k(), bytes + begin * stride,
                stride, scales + begin);
  };
  if (blocks * parts == 1) {
    narrow(0, rows);
  } else {
    parallel_for(rows, std::max<std::int64_t>(1, 16384 / b.k()), narrow);
  }
  share([&](std::int64_t task, int) {
    run_units(unit, task_of(task), bytes, stride, scales, b, c, c_stride, epilogue);
  });
}

}  // namespace lyceum::kernels
