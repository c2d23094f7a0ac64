// Fetches a model from the Hugging Face hub into the user's cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tasks/pull/repository_info.h"
#include "tasks/pull/settings.h"

namespace lyceum {

struct PullProgress {
  std::uint64_t done_bytes = 0, total_bytes = 0;  // of the contents that are fetched, kept parts included
  std::string file;
};

struct PullOptions {
  Selection selection;
  std::function<void(const PullProgress&)> progress;  // called now and then
};

struct PullReport {
  std::string repository, revision, commit;
  std::filesystem::path path;  // the snapshot
  std::vector<std::string> files;
  std::uint64_t bytes = 0;              // of its files, one content counted once
  std::uint64_t fetched_bytes = 0;      // that came over the network now
  std::vector<std::string> unverified;  // files whose ETag is no hash: only their length could be compared
};

// `model`: ORG/NAME[@REVISION] or a well-known short name. What the cache has is not fetched again; what a
// killed pull has left goes on. A file appears under its name only after its hash was compared, the
// revision's name last of all. Dropped connections, stalls and overloaded servers are tried again (5 times
// with nothing gained in between). Throws Errc::kUsage for another kind of name, kUnsupported without
// libcurl, kIo when the hub cannot be reached, refuses, or the disk is full, kData and kFormat for answers
// that cannot be right, kLimit for too large ones, kInterrupted after a request_interrupt(): what came so far
// is kept.
PullReport pull(const std::string& model, const HubSettings& settings, const PullOptions& options = {});

// Whether `model` is a name that pull() takes and ModelFolder::find() does not find here.
bool is_missing(const std::string& model);

}  // namespace lyceum
