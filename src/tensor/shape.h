// Sizes of a tensor, outermost first. At most kMaxDims, no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace lyceum {

class Shape {
 public:
  static constexpr int kMaxDims = 8;

  Shape() = default;  // a scalar: no dimensions, one element
  Shape(std::initializer_list<std::int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  // Throws Errc::kData for more than kMaxDims sizes, a negative one, or a product above 2^62.
  explicit Shape(std::span<const std::int64_t> sizes);

  int dims() const noexcept { return dims_; }
  // Negative indices count from the end: shape[-1] is the last size.
  std::int64_t operator[](int i) const noexcept {
    return sizes_[static_cast<std::size_t>(i < 0 ? i + dims_ : i)];
  }
  std::int64_t elements() const noexcept { return elements_; }
  std::span<const std::int64_t> sizes() const noexcept {
    return {sizes_.data(), static_cast<std::size_t>(dims_)};
  }
  std::string text() const;  // "[2, 3]"

  bool operator==(const Shape& other) const noexcept {
    return dims_ == other.dims_ && sizes_ == other.sizes_;
  }

 private:
  std::array<std::int64_t, kMaxDims> sizes_{};
  int dims_ = 0;
  std::int64_t elements_ = 1;
};

}  // namespace lyceum
