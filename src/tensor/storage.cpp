#include "tensor/storage.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "base/aligned_memory.h"
#include "base/error.h"

namespace lyceum {
namespace {

// Blocks come in sizes 2^k (1 + i/4): at most a quarter is wasted, and neighbours in size find each other
// again.
std::size_t block_size(std::size_t bytes) {
  if (bytes <= 256) return 256;
  std::size_t power = 256;
  while (power * 2 < bytes) power *= 2;
  const std::size_t step = power / 4;
  return (bytes + step - 1) / step * step;
}

class Pool {
 public:
  void* take(std::size_t block) {
    {
      std::lock_guard lock(mutex_);
      if (auto it = free_.find(block); it != free_.end() && !it->second.empty()) {
        void* data = it->second.back();
        it->second.pop_back();
        count_live(block);
        return data;
      }
    }
    void* data = allocate_aligned(block);
    if (data == nullptr) return nullptr;
    {
      std::lock_guard lock(mutex_);  // counted once it is there: a request that fails leaves no peak behind
      use_.held_bytes += block;
      count_live(block);
    }
    return data;
  }
  void give(void* data, std::size_t block) {
    std::lock_guard lock(mutex_);
    use_.live_bytes -= block;
    free_[block].push_back(data);
  }
  void trim() {
    std::lock_guard lock(mutex_);
    for (auto& [block, list] : free_) {
      for (void* data : list) std::free(data);
      use_.held_bytes -= block * list.size();
    }
    free_.clear();
  }
  MemoryUse use() {
    std::lock_guard lock(mutex_);
    return use_;
  }
  void reset_peak() {
    std::lock_guard lock(mutex_);
    use_.peak_bytes = use_.live_bytes;
  }

 private:
  void count_live(std::size_t block) {
    use_.live_bytes += block;
    use_.peak_bytes = std::max(use_.peak_bytes, use_.live_bytes);
  }
  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
  MemoryUse use_;
};

// Never destroyed: tensors in static objects may outlive it otherwise.
Pool& pool() {
  static Pool* const the = new Pool;
  return *the;
}

}  // namespace

MemoryUse memory_use() noexcept { return pool().use(); }
void reset_peak_memory() noexcept { pool().reset_peak(); }
void trim_memory() noexcept { pool().trim(); }

std::shared_ptr<Storage> Storage::allocate(std::size_t bytes) {
  std::shared_ptr<Storage> storage(new Storage);
  const bool possible = bytes <= std::size_t{1}
                                     << 46;  // what a process can address; far above, block_size would wrap
  const std::size_t block = possible ? block_size(bytes) : 0;
  void* data = possible ? pool().take(block) : nullptr;
  if (data == nullptr)
    fail(Errc::kLimit, "memory: found no room for {} bytes. Fix: a smaller batch or model.", bytes);
  storage->data_ = static_cast<const std::byte*>(data);
  storage->bytes_ = bytes;
  storage->block_bytes_ = block;
  return storage;
}

std::shared_ptr<Storage> Storage::mapped(std::shared_ptr<const MappedFile> file, std::size_t begin,
                                         std::size_t bytes) {
  std::shared_ptr<Storage> storage(new Storage);
  storage->data_ = file->bytes().data() + begin;
  storage->bytes_ = bytes;
  storage->file_ = std::move(file);
  return storage;
}

void Storage::release_pages() const noexcept {
  if (file_ == nullptr) return;
  const auto begin = static_cast<std::size_t>(data_ - file_->bytes().data());
  file_->release_pages(begin, begin + bytes_);
}

Storage::~Storage() {
  if (file_ == nullptr && data_ != nullptr) pool().give(const_cast<std::byte*>(data_), block_bytes_);
}

}  // namespace lyceum
