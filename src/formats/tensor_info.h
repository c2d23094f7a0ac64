// What every container of named tensors says of one, and how its bytes become a tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/file.h"
#include "tensor/tensor.h"

namespace lyceum {

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::string twin_of;  // an earlier name in the same file that stands for the same bytes; empty: none

  std::uint64_t bytes() const noexcept {
    return (static_cast<std::uint64_t>(shape.elements()) * static_cast<std::uint64_t>(dtype_bits(dtype)) +
            7) /
           8;
  }
};

constexpr std::size_t kMostTensors = 200'000;  // of one file; the largest published models have some hundreds
constexpr std::size_t kLongestTensorName = 4096;  // bytes; names stand in messages

// The tensor whose bytes begin there, in row-major order: a view of the mapped file, or an aligned copy where
// the file's alignment does not fit the type. The caller has checked the bounds.
Tensor mapped_tensor(const std::shared_ptr<const MappedFile>& file, std::size_t begin, const Shape& shape,
                     DType dtype);

}  // namespace lyceum
