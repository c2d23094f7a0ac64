// Aligned memory that a thread keeps between calls, so that kernels allocate nothing in the steady state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace lyceum::kernels {

class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::int64_t count) { grow(count); }
  AlignedFloats(AlignedFloats&& other) noexcept : data_(other.data_), count_(other.count_) {
    other.data_ = nullptr;
    other.count_ = 0;
  }
  AlignedFloats& operator=(AlignedFloats&& other) noexcept {
    if (this != &other) {
      std::free(data_);
      data_ = other.data_;
      count_ = other.count_;
      other.data_ = nullptr;
      other.count_ = 0;
    }
    return *this;
  }
  ~AlignedFloats() { std::free(data_); }

  // At least `count` floats, 64-byte aligned; the content is lost when it has to grow. Throws std::bad_alloc.
  float* grow(std::int64_t count) {
    if (count > count_) {
      std::free(data_);
      count_ = 0;
      const std::size_t bytes = (static_cast<std::size_t>(count) * sizeof(float) + 63) / 64 * 64;
      data_ = static_cast<float*>(std::aligned_alloc(64, bytes));
      if (data_ == nullptr) throw std::bad_alloc();
      count_ = count;
    }
    return data_;
  }
  float* data() noexcept { return data_; }
  const float* data() const noexcept { return data_; }
  std::int64_t count() const noexcept { return count_; }

 private:
  float* data_ = nullptr;
  std::int64_t count_ = 0;
};

}  // namespace lyceum::kernels
