// Aligned memory that a thread keeps between calls, so that kernels allocate nothing in the steady state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "base/aligned_memory.h"

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
  // Large ones lie on huge pages: a panel of 144 KiB is 36 small pages, and A's rows stand on one each.
  float* grow(std::int64_t count) {
    if (count > count_) {
      std::free(data_);
      count_ = 0;
      std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
      if (const std::size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
          whole - bytes <= bytes / 4)
        bytes = whole;
      void* data = allocate_aligned(bytes);
      if (data == nullptr) throw std::bad_alloc();
      data_ = static_cast<float*>(data);
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
