#include "tensor/shape.h"

#include "base/error.h"

namespace lyceum {

Shape::Shape(std::span<const std::int64_t> sizes) {
  if (sizes.size() > kMaxDims)
    fail(Errc::kData, "shape: found {} dimensions, expected at most {}", sizes.size(), kMaxDims);
  bool empty = false;
  for (const std::int64_t size : sizes) {
    if (size < 0) fail(Errc::kData, "shape: found the size {}, expected 0 or more", size);
    sizes_[static_cast<std::size_t>(dims_++)] = size;
    empty |= size == 0;
  }
  constexpr std::int64_t kLimit = std::int64_t{1} << 62;
  for (const std::int64_t size : sizes) {  // also with a zero among them: strides must not wrap
    if (size > 0 && elements_ > kLimit / size)
      fail(Errc::kData, "shape {}: its product is above 2^62 elements", text());
    if (size > 0) elements_ *= size;
  }
  if (empty) elements_ = 0;
}

std::string Shape::text() const {
  std::string out = "[";
  for (int i = 0; i < dims_; ++i) {
    if (i > 0) out += ", ";
    out += std::to_string((*this)[i]);
  }
  return out + "]";
}

}  // namespace lyceum
