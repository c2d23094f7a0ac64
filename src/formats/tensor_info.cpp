#include "formats/tensor_info.h"

#include <algorithm>
#include <cstring>

namespace lyceum {

Tensor mapped_tensor(const std::shared_ptr<const MappedFile>& file, std::size_t begin, const Shape& shape,
                     DType dtype) {
  const auto size = static_cast<std::size_t>(std::max(1, dtype_bits(dtype) / 8));
  const auto bytes = static_cast<std::size_t>(TensorInfo{.dtype = dtype, .shape = shape}.bytes());
  const std::byte* from = file->bytes().data() + begin;
  if (bytes > 0 && reinterpret_cast<std::uintptr_t>(from) % size == 0)
    return Tensor::over(Storage::mapped(file, begin, bytes), 0, shape, dtype);
  Tensor copy = Tensor::empty(shape, dtype);
  if (bytes > 0) std::memcpy(copy.mutable_raw(), from, bytes);
  return copy;
}

}  // namespace lyceum
