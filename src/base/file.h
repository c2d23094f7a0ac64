// Files as the rest of the program meets them: mapped for reading, replaced whole when written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace lyceum {

// A descriptor of the system that is closed when its owner goes, also when a constructor throws half-way. A
// lock goes with it.
struct Descriptor {
  int value = -1;
  Descriptor() = default;
  explicit Descriptor(int descriptor) : value(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  void close() noexcept;
};

// A file mapped read-only for as long as somebody holds it. An empty file maps to an empty span.
// Only regular files: a pipe, a device or a folder is Errc::kIo with its name.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  const std::filesystem::path& path() const noexcept { return path_; }
  // Tells the system that these pages are not needed again soon (they stay valid and are read anew when
  // touched).
  void release_pages(std::size_t begin, std::size_t end) const noexcept;

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::filesystem::path path_;
};

// The whole file as text. Throws Errc::kLimit above `max_bytes`, before anything is read.
std::string read_text(const std::filesystem::path& path, std::uint64_t max_bytes = std::uint64_t{1} << 30);

// Names that were made in the folder survive a power cut from now on.
void sync_folder(const std::filesystem::path& folder) noexcept;

// Appends to a file that was opened with O_APPEND, in one write() if the system takes it. Where it does not
// take all (Errc::kIo, with its reason) the part is cut off again, or else `file` is closed, so that nothing
// follows it.
void append_whole(Descriptor& file, const std::filesystem::path& path, std::string_view text);

// A file that appears under its name complete or not at all: bytes go to a neighbour `NAME.tmp-PID-N`, and
// commit() flushes it to the disk and renames it. Without commit() the neighbour is removed.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(const void* data,
             std::size_t bytes);  // Errc::kIo with the system's reason (a full disk among them)
  void write(std::string_view text) { write(text.data(), text.size()); }
  void write_at(std::uint64_t offset, const void* data,
                std::size_t bytes);  // inside what was already written
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

// A folder that appears under its name complete or not at all: files go into a neighbour `NAME.part`, and
// commit() puts that in the place of what may stand there. Without commit() the neighbour is removed.
class AtomicFolder {
 public:
  // What is left of a NAME.part of earlier is removed. Throws Errc::kIo with the system's reason.
  explicit AtomicFolder(std::filesystem::path path);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;
  const std::filesystem::path& part() const noexcept { return part_; }  // the neighbour
  void commit();

 private:
  std::filesystem::path path_, part_;
};

}  // namespace lyceum
