#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace lyceum {
namespace {

[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* doing) {
  const int error = errno;
  fail(Errc::kIo, "{}: cannot {}: {}", path.string(), doing, std::strerror(error));
}

struct stat regular_file(int descriptor, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) fail_errno(path, "read its size");
  if (!S_ISREG(info.st_mode))
    fail(Errc::kIo, "{}: found a {}, expected a regular file", path.string(),
         S_ISDIR(info.st_mode) ? "folder" : "device, pipe or socket");
  return info;
}

// O_NONBLOCK: opening a named pipe must not wait for its writer.
int open_for_reading(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) fail_errno(path, "open it");
  return descriptor;
}

// False, with errno, when the system takes no more.
bool write_all(int descriptor, const char* from, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t put = ::write(descriptor, from, bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    from += put;
    bytes -= static_cast<std::size_t>(put);
  }
  return true;
}

}  // namespace

void Descriptor::close() noexcept {
  if (value >= 0) ::close(value);
  value = -1;
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor file{open_for_reading(path)};
  const struct stat info = regular_file(file.value, path);
  std::shared_ptr<MappedFile> mapped(new MappedFile);
  mapped->path_ = path;
  mapped->size_ = static_cast<std::size_t>(info.st_size);
  if (mapped->size_ > 0) {
    void* data = ::mmap(nullptr, mapped->size_, PROT_READ, MAP_PRIVATE, file.value, 0);
    if (data == MAP_FAILED) {
      mapped->size_ = 0;
      fail_errno(path, "map it into memory");
    }
    mapped->data_ = static_cast<const std::byte*>(data);
  }
  return mapped;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release_pages(std::size_t begin, std::size_t end) const noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  begin = (begin + page - 1) / page * page;
  end = std::min(end, size_) / page * page;
  if (begin < end) ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

std::string read_text(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const Descriptor file{open_for_reading(path)};
  const auto size = static_cast<std::uint64_t>(regular_file(file.value, path).st_size);
  if (size > max_bytes)
    fail(Errc::kLimit, "{}: found {} bytes, expected at most {}", path.string(), size, max_bytes);
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = ::read(file.value, text.data() + done, text.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(path, "read it");
    if (got == 0) break;  // became shorter meanwhile
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

void sync_folder(const std::filesystem::path& folder) noexcept {
  const Descriptor opened{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (opened.value >= 0) ::fsync(opened.value);
}

void append_whole(Descriptor& file, const std::filesystem::path& path, std::string_view text) {
  const off_t before = ::lseek(file.value, 0, SEEK_END);
  if (write_all(file.value, text.data(), text.size())) return;
  const int error = errno;
  if (before < 0 || ::ftruncate(file.value, before) != 0) file.close();
  errno = error;
  fail_errno(path, "write to it");
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  static std::atomic<unsigned> count{0};
  temporary_ = path_;
  temporary_ += fmt::format(".tmp-{}-{}", ::getpid(), count++);
  descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_errno(temporary_, "create it");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  if (!write_all(descriptor_, static_cast<const char*>(data), bytes)) fail_errno(temporary_, "write to it");
}

void AtomicFile::write_at(std::uint64_t offset, const void* data, std::size_t bytes) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t put = ::pwrite(descriptor_, from, bytes, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_errno(temporary_, "write to it");
    from += put;
    bytes -= static_cast<std::size_t>(put);
    offset += static_cast<std::uint64_t>(put);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail_errno(temporary_, "flush it to the disk");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_errno(path_, "put the finished file in place");
  ::close(descriptor_);
  descriptor_ = -1;
  sync_folder(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
}

AtomicFolder::AtomicFolder(std::filesystem::path path) : path_(std::move(path)) {
  part_ = path_;
  part_ += ".part";
  std::error_code error;
  std::filesystem::remove_all(part_, error);
  if (!error) std::filesystem::create_directories(part_, error);
  if (error) fail(Errc::kIo, "{}: {}", part_.string(), error.message());
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!part_.empty()) std::filesystem::remove_all(part_, ignored);
}

void AtomicFolder::commit() {
  sync_folder(part_);
  std::error_code error;
  if (!std::filesystem::exists(path_)) {
    std::filesystem::rename(part_, path_, error);
    if (error) fail(Errc::kIo, "{}: {}", path_.string(), error.message());
    part_.clear();
  } else if (::renameat2(AT_FDCWD, part_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) != 0) {
    // a file system that cannot exchange names: for a moment there is none
    std::filesystem::path old = path_;
    old += ".old";
    std::filesystem::remove_all(old, error);
    std::filesystem::rename(path_, old, error);
    if (!error) std::filesystem::rename(part_, path_, error);
    if (error) {
      std::error_code ignored;
      std::filesystem::rename(old, path_, ignored);
      fail(Errc::kIo, "{}: {}", path_.string(), error.message());
    }
    part_ = old;  // removed by the destructor, as what was exchanged is
  }
  sync_folder(path_.parent_path());
}

}  // namespace lyceum
