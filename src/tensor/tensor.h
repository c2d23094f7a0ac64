// A tensor: typed, shaped bytes that copies share, and the variable it stands for while gradients are
// recorded.
//
// The last dimension is contiguous; rows (everything before it) are row_stride() elements apart, so that the
// query, key and value parts of one fused product are views of it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/shape.h"
#include "tensor/storage.h"

namespace lyceum {

// A variable of the tape; 0: a constant.
using Variable = std::uint64_t;

class Tensor {
 public:
  Tensor() = default;  // no tensor: defined() is false

  static Tensor empty(Shape shape, DType type = DType::kF32);  // uninitialised
  static Tensor zeros(Shape shape, DType type = DType::kF32);
  static Tensor full(Shape shape, float value);
  template <class T>
  static Tensor of(Shape shape, std::span<const T> values);  // a copy; Errc::kData when the counts differ
  // A view of bytes that exist; the caller has checked that they are enough and aligned or read as bytes
  // only.
  static Tensor over(std::shared_ptr<Storage> storage, std::size_t offset_bytes, Shape shape, DType type);

  bool defined() const noexcept { return storage_ != nullptr; }
  const Shape& shape() const noexcept { return shape_; }
  std::int64_t dim(int i) const noexcept { return shape_[i]; }
  DType dtype() const noexcept { return type_; }
  std::int64_t elements() const noexcept { return shape_.elements(); }
  std::int64_t cols() const noexcept { return shape_.dims() == 0 ? 1 : shape_[-1]; }
  std::int64_t rows() const noexcept { return rows_; }  // the product of all dimensions but the last
  std::int64_t row_stride() const noexcept { return row_stride_; }  // in elements
  bool is_contiguous() const noexcept { return row_stride_ == cols() || rows_ <= 1; }
  std::size_t bytes() const noexcept;  // of the elements; sub-byte formats rounded up

  // The first element. Throws Errc::kInternal when T is not the tensor's type.
  template <class T>
  const T* data() const {
    check_type(DTypeOf<T>::value);
    return reinterpret_cast<const T*>(raw());
  }
  template <class T>
  T* mutable_data() {
    check_type(DTypeOf<T>::value);
    return reinterpret_cast<T*>(mutable_raw());
  }
  template <class T>
  const T* row(std::int64_t r) const {
    return data<T>() + r * row_stride_;
  }
  template <class T>
  T* mutable_row(std::int64_t r) {
    return mutable_data<T>() + r * row_stride_;
  }
  template <class T>
  std::vector<T> values() const;  // a copy in row-major order
  const std::byte* raw() const noexcept { return storage_->data() + offset_; }
  std::byte* mutable_raw() { return storage_->mutable_data() + offset_; }
  const std::shared_ptr<Storage>& storage() const noexcept { return storage_; }

  // Views; they share the bytes and are constants for the tape (ops that record views live in ops/).
  Tensor reshaped(Shape shape) const;                            // contiguous tensors only
  Tensor columns(std::int64_t begin, std::int64_t end) const;    // [.., end - begin]
  Tensor row_range(std::int64_t begin, std::int64_t end) const;  // of the first dimension
  Tensor contiguous() const;                                     // itself, or a copy
  Tensor clone() const;

  Variable variable() const noexcept { return variable_; }
  Tensor& set_variable(Variable variable) noexcept {
    variable_ = variable;
    return *this;
  }
  Tensor detached() const {
    Tensor t = *this;
    t.variable_ = 0;
    return t;
  }

 private:
  void check_type(DType wanted) const;
  std::shared_ptr<Storage> storage_;
  std::size_t offset_ = 0;
  Shape shape_;
  std::int64_t rows_ = 0, row_stride_ = 0;
  DType type_ = DType::kF32;
  Variable variable_ = 0;
};

}  // namespace lyceum
