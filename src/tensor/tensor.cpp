#include "tensor/tensor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace lyceum {
namespace {

std::int64_t row_count(const Shape& shape) {
  std::int64_t rows = 1;
  for (int i = 0; i + 1 < shape.dims(); ++i) rows *= shape[i];
  return rows;
}

// More than there can be where the product would wrap: then the allocation fails with its message.
std::size_t byte_count(const Shape& shape, DType type) {
  if (shape.elements() > (std::int64_t{1} << 62) / dtype_bits(type)) return ~std::size_t{0};
  return (static_cast<std::size_t>(shape.elements()) * static_cast<std::size_t>(dtype_bits(type)) + 7) / 8;
}

}  // namespace

Tensor Tensor::over(std::shared_ptr<Storage> storage, std::size_t offset_bytes, Shape shape, DType type) {
  Tensor t;
  t.storage_ = std::move(storage);
  t.offset_ = offset_bytes;
  t.shape_ = shape;
  t.rows_ = row_count(shape);
  t.row_stride_ = t.cols();
  t.type_ = type;
  return t;
}

Tensor Tensor::empty(Shape shape, DType type) {
  return over(Storage::allocate(byte_count(shape, type)), 0, shape, type);
}

Tensor Tensor::zeros(Shape shape, DType type) {
  Tensor t = empty(shape, type);
  std::memset(t.mutable_raw(), 0, t.bytes());
  return t;
}

Tensor Tensor::full(Shape shape, float value) {
  Tensor t = empty(shape);
  std::fill_n(t.mutable_data<float>(), t.elements(), value);
  return t;
}

template <class T>
Tensor Tensor::of(Shape shape, std::span<const T> values) {
  if (static_cast<std::int64_t>(values.size()) != shape.elements())
    fail(Errc::kData, "tensor: found {} values, expected {} for the shape {}", values.size(),
         shape.elements(), shape.text());
  Tensor t = empty(shape, DTypeOf<T>::value);
  if (!values.empty()) std::memcpy(t.mutable_raw(), values.data(), values.size_bytes());
  return t;
}

template <class T>
std::vector<T> Tensor::values() const {
  std::vector<T> out(static_cast<std::size_t>(elements()));
  if (out.empty()) return out;
  for (std::int64_t r = 0; r < rows_; ++r) std::copy_n(row<T>(r), cols(), out.data() + r * cols());
  return out;
}

template Tensor Tensor::of(Shape, std::span<const float>);
template Tensor Tensor::of(Shape, std::span<const double>);
template Tensor Tensor::of(Shape, std::span<const std::int64_t>);
template Tensor Tensor::of(Shape, std::span<const std::int32_t>);
template Tensor Tensor::of(Shape, std::span<const std::uint16_t>);
template Tensor Tensor::of(Shape, std::span<const std::uint8_t>);
template std::vector<float> Tensor::values() const;
template std::vector<double> Tensor::values() const;
template std::vector<std::int64_t> Tensor::values() const;
template std::vector<std::int32_t> Tensor::values() const;
template std::vector<std::uint16_t> Tensor::values() const;
template std::vector<std::uint8_t> Tensor::values() const;

std::size_t Tensor::bytes() const noexcept { return byte_count(shape_, type_); }

void Tensor::check_type(DType wanted) const {
  if (!defined()) fail(Errc::kInternal, "tensor: used before it was given a value");
  if (wanted != type_)
    fail(Errc::kInternal, "tensor {}: found {}, expected {}", shape_.text(), dtype_name(type_),
         dtype_name(wanted));
}

Tensor Tensor::reshaped(Shape shape) const {
  if (shape.elements() != elements() || !is_contiguous())
    fail(Errc::kInternal, "reshape: found {}{}, expected a contiguous tensor of {} elements for {}",
         shape_.text(), is_contiguous() ? "" : " with a row stride", shape.elements(), shape.text());
  return over(storage_, offset_, shape, type_);
}

Tensor Tensor::columns(std::int64_t begin, std::int64_t end) const {
  if (begin < 0 || begin > end || end > cols())
    fail(Errc::kInternal, "columns: found [{}, {}), expected a part of [0, {})", begin, end, cols());
  std::array<std::int64_t, Shape::kMaxDims> sizes{};
  std::copy(shape_.sizes().begin(), shape_.sizes().end(), sizes.begin());
  sizes[static_cast<std::size_t>(shape_.dims() - 1)] = end - begin;
  Tensor t = *this;
  t.shape_ = Shape(std::span(sizes.data(), static_cast<std::size_t>(shape_.dims())));
  t.offset_ += static_cast<std::size_t>(begin * (dtype_bits(type_) / 8));
  t.variable_ = 0;
  return t;
}

Tensor Tensor::row_range(std::int64_t begin, std::int64_t end) const {
  if (begin < 0 || begin > end || shape_.dims() == 0 || end > dim(0))
    fail(Errc::kInternal, "rows: found [{}, {}), expected a part of the first dimension of {}", begin, end,
         shape_.text());
  const std::int64_t inner = dim(0) == 0 ? 0 : rows_ / dim(0);
  std::array<std::int64_t, Shape::kMaxDims> sizes{};
  std::copy(shape_.sizes().begin(), shape_.sizes().end(), sizes.begin());
  sizes[0] = end - begin;
  Tensor t = *this;
  t.shape_ = Shape(std::span(sizes.data(), static_cast<std::size_t>(shape_.dims())));
  const std::int64_t elements_before = shape_.dims() == 1 ? begin : begin * inner * row_stride_;
  t.rows_ = row_count(t.shape_);
  t.offset_ += static_cast<std::size_t>(elements_before * (dtype_bits(type_) / 8));
  t.variable_ = 0;
  return t;
}

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }

Tensor Tensor::clone() const {
  Tensor t = empty(shape_, type_);
  if (is_contiguous()) {
    std::memcpy(t.mutable_raw(), raw(), bytes());
    return t;
  }
  const auto size = static_cast<std::size_t>(dtype_bits(type_) / 8);
  const std::size_t line = static_cast<std::size_t>(cols()) * size;
  for (std::int64_t r = 0; r < rows_; ++r)
    std::memcpy(t.mutable_raw() + static_cast<std::size_t>(r) * line,
                raw() + static_cast<std::size_t>(r * row_stride_) * size, line);
  return t;
}

}  // namespace lyceum
