// Writing into the Hugging Face cache so that another program, huggingface_hub among them, may do the same at
// the same time, and so that whatever lies under a final name is whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/file.h"

namespace lyceum {

// flock() on a file of the cache's .locks folder; it goes with the process, however that ends.
class CacheLock {
 public:
  enum class Kind { kShared, kExclusive };
  // Waits for it and says so; Errc::kInterrupted after a request_interrupt(). On file systems without flock
  // there is no lock: contents are verified anyway.
  CacheLock(const std::filesystem::path& file, Kind kind);
  // Nothing when somebody else holds it.
  static std::optional<CacheLock> try_lock(const std::filesystem::path& file, Kind kind);
  CacheLock(CacheLock&& other) noexcept;
  CacheLock& operator=(CacheLock&&) = delete;

 private:
  CacheLock() = default;
  bool acquire(const std::filesystem::path& file, Kind kind);
  Descriptor descriptor_;
};

// .locks/models--ORG--NAME of a repository in the cache.
std::filesystem::path lock_folder(const std::filesystem::path& repository);
// Held shared by pulls and exclusively by a removal.
std::filesystem::path repository_lock(const std::filesystem::path& repository);

// How an ETag lets a content be checked: 64 hexadecimal digits are its SHA-256, 40 git's SHA-1 of it.
enum class EtagKind { kSha256, kGitSha1, kOther };
EtagKind etag_kind(std::string_view etag) noexcept;

// blobs/ETAG.incomplete: a content that is on its way. It stays when the process ends.
class IncompleteBlob {
 public:
  IncompleteBlob(const std::filesystem::path& blob, std::string etag, std::optional<std::uint64_t> size);

  std::uint64_t bytes() const noexcept { return bytes_; }
  void append(std::string_view bytes);  // Errc::kIo, a full disk among them
  void restart();                       // forgets everything
  // "" when the content is what size and ETag say, else what was found and expected. Errc::kInterrupted after
  // a request_interrupt().
  std::string trouble();
  // Flushes it to the disk and gives it its final name.
  void publish();
  void discard();

 private:
  void read_back(Digest& digest) const;
  std::filesystem::path path_, blob_;
  std::string etag_;
  std::optional<std::uint64_t> size_;
  Descriptor file_;
  std::uint64_t bytes_ = 0;
  std::optional<Digest> digest_;  // of all bytes so far, where that can be known while they come
};

// Whether the snapshot has the file, whole: a link to a content inside the cache, or a copy.
bool has_file(const std::filesystem::path& snapshot, const std::string& path);

// Makes snapshots/COMMIT/PATH a relative link to the blob. Where links are impossible, or not wanted, a copy:
// of the last path that needs the blob (`keep_blob` false) the blob itself is moved there. Nothing of the
// snapshot may be a link out of it (Errc::kData).
void place_file(const std::filesystem::path& repository, const std::string& commit, const std::string& path,
                const std::string& etag, bool use_links, bool keep_blob);

// refs/REVISION, complete or not at all.
void write_ref(const std::filesystem::path& repository, const std::string& revision,
               const std::string& commit);

// The folders of a repository, and CACHEDIR.TAG beside it, so that backups leave the cache out.
void prepare_repository(const std::filesystem::path& repository);

// Bytes that may still be written where the folder is; nothing when the system does not say.
std::optional<std::uint64_t> free_bytes(const std::filesystem::path& folder);

}  // namespace lyceum
