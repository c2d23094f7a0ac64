#include "tasks/pull/cache_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail_errno(const fs::path& path, const char* doing) {
  const int error = errno;
  fail(Errc::kIo, "{}: cannot {}: {}{}", path.string(), doing, std::strerror(error),
       error == ENOSPC ? ". Fix: make room, or let HF_HUB_CACHE name a folder on another disk" : "");
}

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(Errc::kIo, "{}: cannot make the folder: {}", folder.string(), error.message());
}

void flush_folder(const fs::path& folder) {
  const Descriptor descriptor{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (descriptor.value >= 0) ::fsync(descriptor.value);
}

// A name of our own in the lock folder, for what is renamed into place: no other program looks there.
fs::path scratch_name(const fs::path& repository) {
  static std::atomic<unsigned> count{0};
  return lock_folder(repository) / fmt::format("lyceum-{}-{}", ::getpid(), count++);
}

void rename_over(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  const int error = errno;
  ::unlink(from.c_str());
  errno = error;
  fail_errno(to, "put it in place");
}

// The folders between the snapshot and the file, made when missing; each is a folder and no link.
void make_inner_folders(const fs::path& snapshot, const fs::path& inner) {
  fs::path folder = snapshot;
  make_folders(snapshot);
  for (const fs::path& part : inner) {
    folder /= part;
    if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) fail_errno(folder, "make the folder");
    struct stat info {};
    if (::lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
      fail(Errc::kData, "{}: found a file or a link, expected a folder. Fix: remove it", folder.string());
  }
}

}  // namespace

// ---- locks

CacheLock::CacheLock(CacheLock&& other) noexcept {
  descriptor_.value = std::exchange(other.descriptor_.value, -1);
}

bool CacheLock::acquire(const fs::path& file, Kind kind) {
  while (true) {
    descriptor_.close();
    descriptor_.value = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0664);
    if (descriptor_.value < 0) fail_errno(file, "open the lock");
    if (::flock(descriptor_.value, (kind == Kind::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) return false;
      return true;  // this file system has no locks
    }
    // filelock may remove the file when it releases it: then the name is another file's by now
    struct stat mine {
    }, named{};
    if (::fstat(descriptor_.value, &mine) == 0 && ::lstat(file.c_str(), &named) == 0 &&
        mine.st_ino == named.st_ino && mine.st_dev == named.st_dev)
      return true;
  }
}

CacheLock::CacheLock(const fs::path& file, Kind kind) {
  make_folders(file.parent_path());
  for (int waits = 0; !acquire(file, kind); ++waits) {
    if (waits == 5) log(LogLevel::kInfo, "waiting for another program that holds {}", file.string());
    check_interrupt();
    const timespec pause{0, 50'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

std::optional<CacheLock> CacheLock::try_lock(const fs::path& file, Kind kind) {
  make_folders(file.parent_path());
  CacheLock lock;
  if (!lock.acquire(file, kind)) return std::nullopt;
  return lock;
}

fs::path lock_folder(const fs::path& repository) {
  return repository.parent_path() / ".locks" / repository.filename();
}

fs::path repository_lock(const fs::path& repository) {
  return lock_folder(repository) / "lyceum-repository.lock";
}

// ---- blobs

EtagKind etag_kind(std::string_view etag) noexcept {
  const bool is_hex = std::all_of(etag.begin(), etag.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (is_hex && etag.size() == 64) return EtagKind::kSha256;
  if (is_hex && etag.size() == 40) return EtagKind::kGitSha1;
  return EtagKind::kOther;
}

IncompleteBlob::IncompleteBlob(const fs::path& blob, std::string etag, std::optional<std::uint64_t> size)
    : path_(blob), blob_(blob), etag_(std::move(etag)), size_(size) {
  path_ += ".incomplete";
  file_.value = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file_.value < 0) fail_errno(path_, "open it");
  struct stat info {};
  if (::fstat(file_.value, &info) != 0) fail_errno(path_, "read its size");
  if (!S_ISREG(info.st_mode)) fail(Errc::kIo, "{}: expected a regular file. Fix: remove it", path_.string());
  bytes_ = static_cast<std::uint64_t>(info.st_size);
  if (size_ && bytes_ > *size_) restart();
  if (etag_kind(etag_) == EtagKind::kSha256) {
    digest_.emplace(Digest::Kind::kSha256);
    read_back(*digest_);
  }
}

void IncompleteBlob::append(std::string_view bytes) {
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t put = ::pwrite(file_.value, rest.data(), rest.size(), static_cast<off_t>(bytes_));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_errno(path_, "write to it");
    bytes_ += static_cast<std::uint64_t>(put);
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  if (digest_) digest_->update(bytes.data(), bytes.size());
}

void IncompleteBlob::restart() {
  if (::ftruncate(file_.value, 0) != 0) fail_errno(path_, "empty it");
  bytes_ = 0;
  digest_.reset();
  if (etag_kind(etag_) == EtagKind::kSha256) digest_.emplace(Digest::Kind::kSha256);
}

void IncompleteBlob::read_back(Digest& digest) const {
  std::vector<char> part(1 << 20);
  for (std::uint64_t at = 0; at < bytes_;) {
    check_interrupt();
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(part.size(), bytes_ - at));
    const ssize_t got = ::pread(file_.value, part.data(), want, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail_errno(path_, "read it");
    digest.update(part.data(), static_cast<std::size_t>(got));
    at += static_cast<std::uint64_t>(got);
  }
}

std::string IncompleteBlob::trouble() {
  if (size_ && bytes_ != *size_) return fmt::format("found {} bytes, expected {}", bytes_, *size_);
  const EtagKind kind = etag_kind(etag_);
  if (kind == EtagKind::kOther) return "";
  std::string found;
  if (kind == EtagKind::kSha256) {
    found = digest_->hex();
    digest_.reset();
  } else {
    Digest digest = git_blob_digest(bytes_);
    read_back(digest);
    found = digest.hex();
  }
  if (found == etag_) return "";
  return fmt::format("found the {} {}, expected {}", kind == EtagKind::kSha256 ? "SHA-256" : "git SHA-1",
                     found, etag_);
}

void IncompleteBlob::publish() {
  if (::fsync(file_.value) != 0) fail_errno(path_, "flush it to the disk");
  if (::rename(path_.c_str(), blob_.c_str()) != 0) fail_errno(blob_, "put the finished file in place");
  flush_folder(blob_.parent_path());
}

void IncompleteBlob::discard() { ::unlink(path_.c_str()); }

// ---- snapshots and refs

bool has_file(const fs::path& snapshot, const std::string& path) {
  std::error_code error;
  const fs::path content = fs::canonical(snapshot / path, error);
  if (error || !fs::is_regular_file(content, error)) return false;
  const fs::path cache = fs::canonical(snapshot.parent_path().parent_path().parent_path(), error);
  if (error) return false;
  return std::mismatch(cache.begin(), cache.end(), content.begin(), content.end()).first == cache.end();
}

void place_file(const fs::path& repository, const std::string& commit, const std::string& path,
                const std::string& etag, bool use_links, bool keep_blob) {
  const fs::path snapshot = repository / "snapshots" / commit, inner(path);
  make_inner_folders(snapshot, inner.parent_path());
  const fs::path place = snapshot / inner, blob = repository / "blobs" / etag;
  fs::path target = "../..";
  for (auto it = inner.begin(); std::next(it) != inner.end(); ++it) target /= "..";
  target = target / "blobs" / etag;
  std::error_code error;
  if (fs::is_directory(fs::symlink_status(place, error)))
    fail(Errc::kData, "{}: found a folder, expected a file. Fix: remove it", place.string());
  if (use_links && fs::is_symlink(fs::symlink_status(place, error)) &&
      fs::read_symlink(place, error) == target)
    return;
  const fs::path scratch = scratch_name(repository);
  if (use_links) {
    if (::symlink(target.c_str(), scratch.c_str()) == 0) return rename_over(scratch, place);
    // file systems without links: EPERM on FAT, others of these elsewhere
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL && errno != EACCES)
      fail_errno(scratch, "make a link");
  }
  if (!keep_blob) return rename_over(blob, place);
  fs::copy_file(blob, scratch, error);
  if (error) {
    ::unlink(scratch.c_str());
    fail(Errc::kIo, "{}: cannot copy it to {}: {}", blob.string(), place.string(), error.message());
  }
  rename_over(scratch, place);
}

void write_ref(const fs::path& repository, const std::string& revision, const std::string& commit) {
  const fs::path ref = repository / "refs" / revision, scratch = scratch_name(repository);
  make_folders(ref.parent_path());
  AtomicFile file(scratch);
  file.write(commit);
  file.commit();
  rename_over(scratch, ref);
  flush_folder(ref.parent_path());
}

void prepare_repository(const fs::path& repository) {
  make_folders(repository / "blobs");
  make_folders(repository / "snapshots");
  make_folders(repository / "refs");
  make_folders(lock_folder(repository));
  const fs::path tag = repository.parent_path() / "CACHEDIR.TAG";
  const Descriptor file{::open(tag.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
  if (file.value < 0) return;  // it is there, or the cache can do without
  const std::string_view text =
      "Signature: 8a477f597d28d172789f06886806bc55\n# This folder holds copies of files that the Hugging "
      "Face "
      "hub has.\n# See https://bford.info/cachedir/\n";
  [[maybe_unused]] const ssize_t written = ::write(file.value, text.data(), text.size());
}

std::optional<std::uint64_t> free_bytes(const fs::path& folder) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

}  // namespace lyceum
