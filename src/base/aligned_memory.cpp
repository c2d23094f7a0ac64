#include "base/aligned_memory.h"

#include <sys/mman.h>

#include <cstdlib>

namespace lyceum {

void* allocate_aligned(std::size_t bytes) noexcept {
  void* data = nullptr;
  if (posix_memalign(&data, bytes >= kHugePage ? kHugePage : 64, bytes) != 0) return nullptr;
  if (bytes >= kHugePage) ::madvise(data, bytes, MADV_HUGEPAGE);  // a wish: nothing depends on it
  return data;
}

}  // namespace lyceum
