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

// Free blocks are used again for requests of up to a quarter less. Where no free one fits, what was free for
// longest is given back to the system, rather than hold much more than was ever in use at once: activations
// of one part of a training step and gradients of the next are of other sizes and never there together.
class Pool {
 public:
  // A block of at least `wanted`; its size is written back. Null: the system has none.
  void* take(std::size_t& wanted) {
    std::vector<void*> given_back;
    {
      std::lock_guard lock(mutex_);
      if (auto it = free_.lower_bound(wanted); it != free_.end() && it->first <= wanted + wanted / 4) {
        void* data = it->second.back().data;
        wanted = it->first;
        it->second.pop_back();
        if (it->second.empty()) free_.erase(it);
        count_live(wanted);
        return data;
      }
      const std::uint64_t most = most_live_ + most_live_ / 8 + kKeeps;
      while (!free_.empty() && use_.held_bytes + wanted > most) given_back.push_back(take_oldest());
    }
    for (void* data : given_back) std::free(data);
    void* data = allocate_aligned(wanted);
    if (data == nullptr) return nullptr;
    {
      std::lock_guard lock(mutex_);  // counted once it is there: a request that fails leaves no peak behind
      use_.held_bytes += wanted;
      count_live(wanted);
    }
    return data;
  }
  void give(void* data, std::size_t block) {
    std::lock_guard lock(mutex_);
    use_.live_bytes -= block;
    free_[block].push_back({data, ++clock_});
  }
  void trim() {
    std::lock_guard lock(mutex_);
    while (!free_.empty()) std::free(take_oldest());
    most_live_ = use_.live_bytes;
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
  static constexpr std::uint64_t kKeeps = std::uint64_t{64} << 20;
  struct Free {
    void* data;
    std::uint64_t since;
  };
  // Lists are in the order in which blocks were given.
  void* take_oldest() {
    const auto oldest = std::min_element(free_.begin(), free_.end(), [](const auto& a, const auto& b) {
      return a.second.front().since < b.second.front().since;
    });
    void* data = oldest->second.front().data;
    oldest->second.erase(oldest->second.begin());
    use_.held_bytes -= oldest->first;
    if (oldest->second.empty()) free_.erase(oldest);
    return data;
  }
  void count_live(std::size_t block) {
    use_.live_bytes += block;
    use_.peak_bytes = std::max(use_.peak_bytes, use_.live_bytes);
    most_live_ = std::max(most_live_, use_.live_bytes);
  }
  std::mutex mutex_;
  std::map<std::size_t, std::vector<Free>> free_;  // no list is empty
  std::uint64_t clock_ = 0, most_live_ = 0;
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
  std::size_t block = possible ? block_size(bytes) : 0;
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
