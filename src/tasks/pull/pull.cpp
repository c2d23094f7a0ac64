#include "tasks/pull/pull.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "formats/hub_cache.h"
#include "formats/model_folder.h"
#include "tasks/pull/cache_writer.h"
#include "tasks/pull/hub_client.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

// O: so much gained makes up for a dropped connection. Less, and a server could keep us for ever.
constexpr std::uint64_t kGain = 1 << 20;
// O: room that is left for everybody else.
constexpr std::uint64_t kDiskMargin = 16 << 20;
// O: a content whose size the hub does not tell. Those that it tells may have any.
constexpr std::uint64_t kMostUnknownBytes = std::uint64_t{1} << 30;

// An answer that is not the file: thrown out of a transfer, caught by the next lines.
struct WrongContent {
  std::string what;
};

struct File {
  std::string path;
  FileMetadata metadata;
};

std::string kilobytes_or_more(std::uint64_t bytes) {
  return bytes < 1'000'000 ? fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3)
                           : fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

class Pull {
 public:
  Pull(HubName name, const HubSettings& settings, const PullOptions& options)
      : name_(std::move(name)),
        options_(options),
        client_(settings),
        repository_(cached_repository(name_.repository)) {}

  PullReport run() {
    try {
      return fetch_and_publish();
    } catch (const Error& error) {
      if (error.code() != Errc::kInterrupted) throw;
      fail(Errc::kInterrupted,
           "pull: interrupted; {} of {} came and are kept. Fix: the same command again goes on from there.",
           kilobytes_or_more(report_.fetched_bytes), name_.repository);
    }
  }

 private:
  PullReport fetch_and_publish() {
    const std::string where = fmt::format("{}/{}", client_.settings().endpoint, name_.repository);
    info_ = parse_repository_info(client_.repository_info(name_), where);
    const CacheLock no_removal(repository_lock(repository_), CacheLock::Kind::kShared);
    prepare_repository(repository_);
    snapshot_ = repository_ / "snapshots" / info_.commit;
    std::vector<std::string> paths = select_files(info_.files, options_.selection, where);
    fetch_all(paths);
    if (options_.selection.include.empty() && !options_.selection.all_files) {
      std::set<std::string> shards;
      for (const std::string& path : paths)
        if (is_shard_index(path))
          for (std::string& shard : shards_of_index(read_text(content_of(path)), path, info_.files))
            shards.insert(std::move(shard));
      for (const std::string& path : paths) shards.erase(path);
      fetch_all({shards.begin(), shards.end()});
    }
    publish();
    return std::move(report_);
  }

  fs::path blob(const std::string& etag) const { return repository_ / "blobs" / etag; }

  // Where the content of a path is, before and after the snapshot has it.
  fs::path content_of(const std::string& path) const {
    for (const File& file : files_)
      if (file.path == path) return blob(file.metadata.etag);
    return snapshot_ / path;
  }

  bool has_blob(const FileMetadata& metadata) const {
    std::error_code error;
    const auto size = fs::file_size(blob(metadata.etag), error);  // follows the links of shared stores
    return !error && (!metadata.size || *metadata.size == size);
  }

  void fetch_all(const std::vector<std::string>& paths) {
    std::vector<File> missing;
    std::set<std::string> etags;
    total_bytes_ = done_bytes_ = 0;
    std::uint64_t needed = 0;
    for (const std::string& path : paths) {
      report_.files.push_back(path);
      if (has_file(snapshot_, path)) continue;  // a commit never changes
      File file{path, client_.metadata(name_, info_.commit, path)};
      files_.push_back(file);
      if (has_blob(file.metadata) || !etags.insert(file.metadata.etag).second) continue;
      const std::uint64_t size = file.metadata.size.value_or(0);
      std::error_code error;
      const auto kept = fs::file_size(blob(file.metadata.etag).string() + ".incomplete", error);
      total_bytes_ += size;
      needed += size - (error ? 0 : std::min<std::uint64_t>(size, kept));
      missing.push_back(std::move(file));
    }
    const auto room = free_bytes(repository_);
    if (room && !missing.empty() && needed + kDiskMargin > *room)
      fail(Errc::kIo,
           "{}: needs {}, and {} has {}. Fix: make room, or let HF_HUB_CACHE name a folder on another disk.",
           name_.repository, kilobytes_or_more(needed), repository_.parent_path().string(),
           kilobytes_or_more(*room));
    for (const File& file : missing) fetch(file);
  }

  void fetch(const File& file) {
    const CacheLock lock(lock_folder(repository_) / (file.metadata.etag + ".lock"),
                         CacheLock::Kind::kExclusive);
    // somebody else may have had the lock, and done the work
    if (!has_blob(file.metadata)) fetch_locked(file);
    done_bytes_ += file.metadata.size.value_or(0);
  }

  void fetch_locked(const File& file) {
    IncompleteBlob incomplete(blob(file.metadata.etag), file.metadata.etag, file.metadata.size);
    const std::string what = fmt::format("{}/{}", name_.repository, file.path);
    Backoff backoff(client_.settings().first_wait_seconds);
    std::uint64_t furthest = incomplete.bytes();
    for (bool was_wrong = false;;) {
      std::string trouble;
      try {
        if (const auto broken = attempt(file, incomplete)) {
          if (incomplete.bytes() >= furthest + kGain) {
            furthest = incomplete.bytes();
            backoff.reset();
          }
          log(LogLevel::kDebug, "{}: {}; trying again", what, HubClient::trouble_of(*broken));
          if (!backoff.wait(HubClient::asked_wait(broken->head)))
            fail(Errc::kIo, "{}: {}; {} came and are kept. Fix: the same command again goes on from there.",
                 what, HubClient::trouble_of(*broken), kilobytes_or_more(incomplete.bytes()));
          continue;
        }
        trouble = incomplete.trouble();
      } catch (const WrongContent& wrong) {
        trouble = wrong.what;
      }
      if (trouble.empty()) break;
      if (was_wrong) {
        incomplete.discard();
        fail(Errc::kData, "{}: {}, twice; nothing is kept of it. Fix: try again later.", what, trouble);
      }
      log(LogLevel::kWarning, "{}: {}; fetching it anew", what, trouble);
      was_wrong = true;
      incomplete.restart();
      furthest = 0;
    }
    incomplete.publish();
  }

  // Nothing when the answer came whole; else what broke and may be tried again.
  std::optional<HttpResult> attempt(const File& file, IncompleteBlob& incomplete) {
    const std::optional<std::uint64_t> size = file.metadata.size;
    if (size && incomplete.bytes() == *size) return std::nullopt;  // killed just before the end
    const std::uint64_t from = incomplete.bytes();
    const std::uint64_t most = size.value_or(kMostUnknownBytes);
    bool is_first = true;
    HttpResult result = client_.download(
        name_, info_.commit, file.path, from, [&](const HttpHead& head, std::string_view bytes) {
          if (head.status != 200 && head.status != 206) return;
          if (is_first) begin_content(head, from, size, incomplete);
          is_first = false;
          if (bytes.size() > most - incomplete.bytes())
            throw WrongContent{fmt::format("found more than {} bytes, expected {}", most,
                                           size ? "no more" : "a smaller file, since its size is not told")};
          incomplete.append(bytes);
          report_.fetched_bytes += bytes.size();
          if (options_.progress)
            options_.progress({done_bytes_ + incomplete.bytes(), total_bytes_, file.path});
        });
    const int status = result.head.status;
    if (result.is_complete && status == 416) throw WrongContent{"the server has no such part"};
    if (HubClient::is_passing(result)) return result;
    if (!result.is_complete)
      fail(Errc::kIo, "{}/{}: {}", name_.repository, file.path, HubClient::trouble_of(result));
    if (status != 200 && status != 206) client_.fail_status(result.head, name_, file.path);
    if (is_first) begin_content(result.head, from, size, incomplete);  // an empty one
    if (size && incomplete.bytes() < *size) {  // it ended early, and said that it was whole
      result.is_complete = false;
      result.trouble = fmt::format("the answer ended after {} of {} bytes", incomplete.bytes(), *size);
      return result;
    }
    return std::nullopt;
  }

  // Looks at the head of an answer with content before a byte of it is written.
  static void begin_content(const HttpHead& head, std::uint64_t from, std::optional<std::uint64_t> size,
                            IncompleteBlob& incomplete) {
    if (const std::string* coding = head.find("content-encoding"); coding && *coding != "identity")
      throw WrongContent{fmt::format("found the coding '{}', expected none", printable(*coding))};
    if (head.status == 206) {  // it may be shorter than what was asked for: the rest is asked for again
      const std::string* text = head.find("content-range");
      const auto range = text ? parse_content_range(*text) : std::nullopt;
      if (!range || range->first != from || (size && range->total && *range->total != *size))
        throw WrongContent{fmt::format("found the part '{}', expected one from byte {} of {}",
                                       text ? printable(*text) : "", from,
                                       size ? std::to_string(*size) : "an unknown number")};
      return;
    }
    if (from > 0) incomplete.restart();  // a server that does not know Range sends everything
    const std::string* length = head.find("content-length");
    const auto bytes = length ? parse_byte_count(*length) : std::nullopt;
    if (size && bytes && *bytes != *size)
      throw WrongContent{fmt::format("found {} bytes, expected {}", *bytes, *size)};
  }

  // The snapshot and, last, the name of the revision: from here on others see the model.
  void publish() {
    check_interrupt();
    std::map<std::string, int> uses;
    for (const File& file : files_) ++uses[file.metadata.etag];
    for (const File& file : files_) {
      const std::string& etag = file.metadata.etag;
      place_file(repository_, info_.commit, file.path, etag, client_.settings().use_links, --uses[etag] > 0);
      if (etag_kind(etag) == EtagKind::kOther) report_.unverified.push_back(file.path);
    }
    if (name_.revision != info_.commit) write_ref(repository_, name_.revision, info_.commit);
    report_.repository = name_.repository;
    report_.revision = name_.revision;
    report_.commit = info_.commit;
    report_.path = snapshot_;
    std::sort(report_.files.begin(), report_.files.end());
    for (const CachedRevision& revision : cached_revisions(repository_))
      if (revision.commit == info_.commit) report_.bytes = revision.bytes;
  }

  HubName name_;
  const PullOptions& options_;
  HubClient client_;
  fs::path repository_, snapshot_;
  RepositoryInfo info_;
  std::vector<File> files_;  // those whose place in the snapshot is missing
  std::uint64_t total_bytes_ = 0, done_bytes_ = 0;
  PullReport report_;
};

}  // namespace

PullReport pull(const std::string& model, const HubSettings& settings, const PullOptions& options) {
  const auto name = parse_hub_name(model);
  if (!name) {
    std::string near;
    for (const std::string& other : near_names(model)) near += (near.empty() ? "" : " or ") + other;
    fail(Errc::kUsage,
         "pull: found '{}', expected ORG/NAME[@REVISION] or a short name of `lyceum list --names`{}", model,
         near.empty() ? near : fmt::format(". Did you mean {}?", near));
  }
  if (settings.offline)
    fail(Errc::kIo, "pull: HF_HUB_OFFLINE is set, so '{}' is not fetched. Fix: unset it.", model);
  return Pull(*name, settings, options).run();
}

bool is_missing(const std::string& model) {
  return parse_hub_name(model) && !ModelFolder::find_if_present(model);
}

}  // namespace lyceum
