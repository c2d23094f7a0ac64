#include "tasks/convert/tensor_plan.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/interrupt.h"
#include "kernels/convert.h"
#include "kernels/narrow/narrow.h"
namespace lyceum {
namespace {

constexpr std::int64_t kPiece = 1 << 16;  // elements that are in memory at a time

bool is_floating(DType type) {
  return type == DType::kF64 || type == DType::kF32 || type == DType::kF16 || type == DType::kBF16;
}

template <class T>
T load(const std::byte* from, std::int64_t i) {
  T value;
  std::memcpy(&value, from + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

double value_at(const std::byte* from, DType type, std::int64_t i) {
  if (type == DType::kF64) return load<double>(from, i);
  if (type == DType::kF32) return load<float>(from, i);
  const auto bits = load<std::uint16_t>(from, i);
  return type == DType::kBF16 ? kernels::bf16_to_f32(bits) : kernels::f16_to_f32(bits);
}

// R: PyTorch too rounds F64 to F32 first.
void cast_piece(const std::byte* from, DType type, std::int64_t count, DType to, std::byte* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(value_at(from, type, i));
    if (to == DType::kF32) {
      std::memcpy(out + 4 * i, &value, 4);
    } else {
      const std::uint16_t bits =
          to == DType::kBF16 ? kernels::f32_to_bf16(value) : kernels::f32_to_f16(value);
      std::memcpy(out + 2 * i, &bits, 2);
    }
  }
}

void write_cast(const TensorPlan& plan, const Tensor& value, SafetensorsWriter& file) {
  const TensorInfo& stored = plan.stored;
  const std::int64_t in = dtype_bits(value.dtype()) / 8, out = dtype_bits(stored.dtype) / 8;
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min(kPiece, value.elements()) * out));
  for (std::int64_t begin = 0; begin < value.elements(); begin += kPiece) {
    check_interrupt();
    const std::int64_t count = std::min(kPiece, value.elements() - begin);
    const std::byte* from = value.raw() + begin * in;
    cast_piece(from, value.dtype(), count, stored.dtype, piece.data());
    for (std::int64_t i = 0; i < count; ++i)
      if (const double before = value_at(from, value.dtype(), i);
          std::isinf(value_at(piece.data(), stored.dtype, i)) && std::isfinite(before))
        fail(Errc::kData,
             "tensor '{}': its element {} is {}, which is beyond the largest number of {}. Fix: another "
             "--dtype "
             "(f32 and bf16 reach about 3e38, f16 65504).",
             plan.source, begin + i, before, dtype_name(stored.dtype));
    file.write(piece.data(), static_cast<std::size_t>(count * out));
  }
}

void write_quantized(const TensorPlan& plan, const Tensor& value, SafetensorsWriter& file) {
  const std::int64_t rows = value.dim(0), columns = value.dim(1);
  const std::int64_t row_bytes = columns * dtype_bits(value.dtype()) / 8;
  std::vector<float> row(static_cast<std::size_t>(columns));
  std::vector<std::int8_t> bytes(row.size());
  for (std::int64_t d = 0; d < rows; ++d) {
    check_interrupt();
    const std::byte* from = value.raw() + d * row_bytes;
    for (std::int64_t c = 0; c < columns; ++c)
      row[static_cast<std::size_t>(c)] = static_cast<float>(value_at(from, value.dtype(), c));
    const float scale = kernels::quantize_row(row.data(), columns, bytes.data());
    if (!std::isfinite(scale))
      fail(Errc::kData, "tensor '{}': its row {} holds a value that is not finite, which int8 cannot express",
           plan.source, d);
    if (plan.treatment == Treatment::kScales) {
      file.write(&scale, sizeof(scale));
    } else {
      file.write(bytes.data(), bytes.size());
    }
  }
}

}  // namespace

TensorPlan plan_tensor(const TensorInfo& tensor, const std::string& name, std::optional<DType> dtype) {
  const bool casts = dtype && is_floating(tensor.dtype) && tensor.dtype != *dtype;
  return {.source = tensor.name,
          .treatment = casts ? Treatment::kCast : Treatment::kKeep,
          .stored = {.name = name, .dtype = casts ? *dtype : tensor.dtype, .shape = tensor.shape}};
}

std::vector<TensorPlan> plan_quantized(const TensorInfo& tensor, const std::string& name) {
  if (!is_floating(tensor.dtype) || tensor.shape.dims() != 2)
    fail(Errc::kUnsupported, "tensor '{}': found {} {}, expected a floating-point matrix to quantise",
         tensor.name, dtype_name(tensor.dtype), tensor.shape.text());
  return {{.source = tensor.name,
           .treatment = Treatment::kScales,
           .stored = {.name = name + "_scale", .dtype = DType::kF32, .shape = {tensor.shape[0], 1}}},
          {.source = tensor.name,
           .treatment = Treatment::kBytes,
           .stored = {.name = name, .dtype = DType::kI8, .shape = tensor.shape}}};
}

void write_planned(const TensorPlan& plan, const Tensor& value, SafetensorsWriter& file) {
  switch (plan.treatment) {
    case Treatment::kKeep:
      return file.write(value.raw(), value.bytes());
    case Treatment::kCast:
      return write_cast(plan, value, file);
    case Treatment::kScales:
    case Treatment::kBytes:
      return write_quantized(plan, value, file);
  }
}

}  // namespace lyceum
