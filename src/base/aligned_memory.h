// Aligned memory from the system, released by std::free.
#pragma once

#include <cstddef>

namespace lyceum {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

// `bytes` of memory at a multiple of 64; from kHugePage bytes on it begins on a huge page and asks for more
// of them. nullptr when there is not so much.
void* allocate_aligned(std::size_t bytes) noexcept;

}  // namespace lyceum
