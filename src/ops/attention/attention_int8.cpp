#include "ops/attention/attention_int8.h"

#include <algorithm>
#include <cstring>

#include "kernels/narrow/narrow_units.h"

namespace lyceum::kernels {
namespace {

std::int64_t up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

// Where things stand in the packed memory.
struct Packed {
  explicit Packed(const HeadShape& s)
      : keys(up(s.keys, 16)),
        key_bytes(up(s.width, 64)),
        values(up(s.value_width, 16)),
        value_bytes(up(s.keys, 64)) {}
  std::int64_t keys, key_bytes;      // columns of the first product, bytes of each
  std::int64_t values, value_bytes;  // and of the second

  std::int64_t key_scales() const { return keys * key_bytes / 4; }  // in floats from the start
  std::int64_t key_offsets() const { return key_scales() + keys; }
  std::int64_t value_panels() const { return up(key_offsets() + keys, 16); }
  std::int64_t value_scales() const { return value_panels() + values * value_bytes / 4; }
  std::int64_t floats() const { return value_scales() + values + 16; }
};

constexpr std::int64_t kRows = 48;  // of a block

// Tiles read whole ones of 32 rows.
struct Scratch {
  explicit Scratch(const HeadShape& s) : packed(s) {
    // rows that lie a page apart fall on the same few sets of the cache
    place_bytes = packed.value_bytes + (packed.value_bytes % 4096 == 0 ? 64 : 0);
    distances = s.keys + std::max(s.keys, s.queries) + 16;
  }
  Packed packed;
  std::int64_t place_bytes, distances;

  static constexpr std::int64_t kReadRows = 64, kReadPlaces = 128;
  std::int64_t queries() const { return 0; }
  std::int64_t query_scales() const { return kReadRows * packed.key_bytes / 4; }
  std::int64_t sums() const { return query_scales() + kReadRows; }
  std::int64_t places() const { return sums() + kReadRows * packed.keys; }
  std::int64_t totals() const { return places() + kReadPlaces * place_bytes / 4; }
  std::int64_t outputs() const { return totals() + kReadRows; }
  std::int64_t biases() const { return outputs() + kReadPlaces * packed.values; }
  std::int64_t floats() const { return biases() + distances; }
};

}  // namespace

std::int64_t attention_int8_packed_floats(const HeadShape& shape) { return Packed(shape).floats(); }
std::int64_t attention_int8_scratch(const HeadShape& shape) {
  return std::max(Scratch(shape).floats(), shape.keys * up(shape.width, 16) + up(shape.width, 64) / 4);
}

void attention_int8_pack(const HeadShape& shape, const float* k, std::int64_t k_stride, const float* v,
                         std::int64_t v_stride, float* packed, float* scratch) {
  const Packed at(shape);
  const std::int64_t width = up(shape.width, 16);
  subtract_mean(k, k_stride, shape.keys, shape.width, scratch);
  auto* panels = reinterpret_cast<std::byte*>(packed);
  float* scales = packed + at.key_scales();
  auto* offsets = reinterpret_cast<std::int32_t*>(packed + at.key_offsets());
  std::memset(packed, 0, static_cast<std::size_t>(at.value_panels()) * sizeof(float));
  auto* q = reinterpret_cast<std::int8_t*>(scratch + shape.keys * width);
  std::memset(q, 0, static_cast<std::size_t>(up(shape.width, 64)));
  for (std::int64_t j = 0; j < shape.keys; ++j) {
    scales[j] = quantize_row(scratch + j * width, shape.width, q);
    std::byte* column = panels + j / 16 * 16 * at.key_bytes + j % 16 * 4;
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < shape.width; ++i) sum += q[i];
    for (std::int64_t i = 0; i < shape.width; i += 4) std::memcpy(column + i * 16, q + i, 4);
    offsets[j] = 128 * sum;
  }
  pack_value_bytes(v, v_stride, shape.keys, shape.value_width, at.value_bytes,
                   reinterpret_cast<std::byte*>(packed + at.value_panels()), packed + at.value_scales());
}

void attention_int8_forward(const Int8Head& head, std::int64_t begin, std::int64_t end, float* scratch) {
  const NarrowUnit& unit = narrow_unit_of(Narrow::kInt8);
  const Scratch at(head.shape);
  const Packed& in = at.packed;
  const float* key_scales = head.packed + in.key_scales();
  const auto* offsets = reinterpret_cast<const std::int32_t*>(head.packed + in.key_offsets());
  auto* queries = reinterpret_cast<std::byte*>(scratch + at.queries());
  float *query_scales = scratch + at.query_scales(), *totals = scratch + at.totals();
  auto* sums = reinterpret_cast<std::int32_t*>(scratch + at.sums());
  auto* places = reinterpret_cast<std::byte*>(scratch + at.places());
  auto* outputs = reinterpret_cast<std::int32_t*>(scratch + at.outputs());
  // Of the distances from -(N - 1) on: a row's stand side by side.
  float* biases = scratch + at.biases();
  const std::int64_t before = head.shape.keys - 1;
  if (head.bias != nullptr)
    for (std::int64_t i = 0; i < at.distances; ++i)
      biases[i] = head.bias[std::clamp(i - before, -head.bias_reach, head.bias_reach) + head.bias_reach];
  if (unit.begin != nullptr) unit.begin();
  for (std::int64_t m = begin; m < end; m += kRows) {
    const std::int64_t rows = std::min(kRows, end - m);
    narrow_rows(Narrow::kInt8, head.q + m * head.q_stride, head.q_stride, rows, head.shape.width, queries,
                in.key_bytes, query_scales);
    multiply(unit, {.a = queries,
                    .a_stride = in.key_bytes,
                    .b = reinterpret_cast<const std::byte*>(head.packed),
                    .group_stride = 16 * in.key_bytes,
                    .column_bytes = up(head.shape.width, unit.step),
                    .sums = sums,
                    .sum_stride = in.keys,
                    .rows = rows,
                    .groups = in.keys / 16,
                    .first = true});
    for (std::int64_t r = 0; r < rows; ++r)  // the low bytes' rows stand below the high ones'
      totals[r] = probability_bytes(
          {.sums = sums + r * in.keys,
           .offsets = offsets,
           .key_scales = key_scales,
           .bias = head.bias == nullptr ? nullptr
                                        : biases + before - (m + r + head.shape.keys - head.shape.queries),
           .row_scale = query_scales[r] * head.scale,
           .keys = head.shape.keys,
           .places = in.value_bytes,
           .high = reinterpret_cast<std::uint8_t*>(places + r * at.place_bytes),
           .low = reinterpret_cast<std::uint8_t*>(places + (rows + r) * at.place_bytes)});
    multiply(unit, {.a = places,
                    .a_stride = at.place_bytes,
                    .b = reinterpret_cast<const std::byte*>(head.packed + in.value_panels()),
                    .group_stride = 16 * in.value_bytes,
                    .column_bytes = up(head.shape.keys, unit.step),
                    .sums = outputs,
                    .sum_stride = in.values,
                    .rows = 2 * rows,
                    .groups = in.values / 16,
                    .first = true});
    for (std::int64_t r = 0; r < rows; ++r)
      weighted_values(outputs + r * in.values, outputs + (rows + r) * in.values,
                      head.packed + in.value_scales(), totals[r], head.shape.value_width,
                      head.out + (m + r) * head.out_stride);
  }
  if (unit.end != nullptr) unit.end();
}

}  // namespace lyceum::kernels
