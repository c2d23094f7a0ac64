// Bytes that tensors share: from the pool, or a part of a mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/file.h"

namespace lyceum {

// The pool keeps freed blocks for the next tensor of about that size, so that a forward pass allocates from
// the system once; where more would be
// held than was in use at once, what was free for longest goes back. Blocks are
// aligned to 64 bytes; those of 2 MiB and more ask for huge pages.
struct MemoryUse {
  std::uint64_t live_bytes = 0;  // in tensors now
  std::uint64_t peak_bytes = 0;  // the most there were since reset_peak_memory()
  std::uint64_t held_bytes = 0;  // taken from the system: live and kept for reuse
};
MemoryUse memory_use() noexcept;
void reset_peak_memory() noexcept;
void trim_memory() noexcept;  // gives the kept blocks back

class Storage {
 public:
  static std::shared_ptr<Storage> allocate(
      std::size_t bytes);  // uninitialised; Errc::kLimit when there is no memory
  // [begin, begin + bytes) of the file; the caller has checked the bounds.
  static std::shared_ptr<Storage> mapped(std::shared_ptr<const MappedFile> file, std::size_t begin,
                                         std::size_t bytes);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  const std::byte* data() const noexcept { return data_; }
  std::byte* mutable_data() noexcept { return const_cast<std::byte*>(data_); }  // of allocated storage only
  std::size_t bytes() const noexcept { return bytes_; }
  bool is_mapped() const noexcept { return file_ != nullptr; }
  // Gives the pages of a mapped storage back to the system; they are read again when touched.
  void release_pages() const noexcept;

 private:
  Storage() = default;
  const std::byte* data_ = nullptr;
  std::size_t bytes_ = 0, block_bytes_ = 0;
  std::shared_ptr<const MappedFile> file_;
};

}  // namespace lyceum
