#include "tasks/remove/remove.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <tuple>

#include "base/error.h"
#include "formats/model_folder.h"
#include "tasks/pull/cache_writer.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

// Contents that the files below a snapshot lead to, and the number of those files.
std::set<fs::path> contents_of(const fs::path& snapshot, std::uint64_t* files) {
  std::set<fs::path> contents;
  std::error_code error;
  for (fs::recursive_directory_iterator it(snapshot, error), end; !error && it != end; it.increment(error)) {
    std::error_code unreadable;
    if (it->is_directory(unreadable)) continue;
    if (files != nullptr) ++*files;
    if (it->is_symlink(unreadable)) {
      const fs::path target = fs::read_symlink(it->path(), unreadable);
      if (!unreadable) contents.insert((it->path().parent_path() / target).lexically_normal());
    }
  }
  return contents;
}

std::uint64_t bytes_of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(path, error))) return 0;
  const auto bytes = fs::file_size(path, error);
  return error ? 0 : bytes;
}

std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    sum += bytes_of(it->path());
  return sum;
}

void remove_path(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);  // of a link the link only
  if (error) fail(Errc::kIo, "{}: cannot remove it: {}", path.string(), error.message());
}

void plan_revision(Removal& removal, const HubName& name, const std::vector<CachedRevision>& revisions) {
  const auto commit = cached_commit(name);
  const auto at = std::find_if(revisions.begin(), revisions.end(),
                               [&](const CachedRevision& r) { return commit && r.commit == *commit; });
  if (at == revisions.end()) {
    std::string known;
    for (const CachedRevision& r : revisions) known += (known.empty() ? "" : ", ") + r.commit;
    fail(Errc::kIo, "remove: the cache has no revision '{}' of {}, it has: {}", name.revision,
         name.repository, known);
  }
  removal.commits = {at->commit};
  for (const auto& [ref, to] : cached_refs(removal.folder))
    if (to == at->commit) removal.refs.push_back(ref);
  std::set<fs::path> used;
  for (const CachedRevision& r : revisions)
    if (r.commit != at->commit) used.merge(contents_of(r.path, nullptr));
  const fs::path blobs = (removal.folder / "blobs").lexically_normal();
  for (const fs::path& content : contents_of(at->path, &removal.files)) {
    if (content.parent_path() != blobs || used.contains(content)) continue;
    removal.contents.push_back(content);
    removal.bytes += bytes_of(content);
  }
  removal.bytes += bytes_below(at->path);  // copies, where there are no links
}

}  // namespace

Removal plan_removal(const std::string& model) {
  std::error_code error;
  const auto name = parse_hub_name(model);
  const bool is_cached = name && fs::exists(fs::symlink_status(cached_repository(name->repository), error));
  if (!is_cached) {
    if (const auto folder = ModelFolder::find_if_present(model))
      fail(Errc::kUsage,
           "remove: '{}' is {}, which is not in the Hugging Face cache. Fix: remove that folder yourself.",
           model, folder->path().string());
    fail(name ? Errc::kIo : Errc::kUsage,
         "remove: found '{}', expected a model of the cache {}. Fix: `lyceum list` shows them.", model,
         hub_cache().string());
  }
  Removal removal{
      .model = model, .repository = name->repository, .folder = cached_repository(name->repository)};
  if (!fs::is_directory(fs::symlink_status(removal.folder, error)))
    fail(Errc::kData, "remove: {} is a link, so its content is not the cache's. Fix: remove it yourself.",
         removal.folder.string());
  const auto revisions = cached_revisions(removal.folder);
  if (name->has_revision) {
    plan_revision(removal, *name, revisions);
    removal.is_whole = revisions.size() == 1;
  } else {
    removal.is_whole = true;
  }
  if (removal.is_whole) {
    removal.commits.clear();
    removal.refs.clear();
    removal.contents.clear();
    removal.files = 0;
    for (const CachedRevision& r : revisions) {
      removal.commits.push_back(r.commit);
      contents_of(r.path, &removal.files);
    }
    for (const auto& [ref, commit] : cached_refs(removal.folder)) removal.refs.push_back(ref);
    removal.bytes = bytes_below(removal.folder);
  }
  return removal;
}

void remove_cached(const Removal& removal) {
  const auto lock = CacheLock::try_lock(repository_lock(removal.folder), CacheLock::Kind::kExclusive);
  if (!lock)
    fail(Errc::kIo, "remove: {} is being pulled. Fix: try again when that is done.", removal.repository);
  const auto what_goes = [](const Removal& r) { return std::tie(r.is_whole, r.commits, r.refs, r.contents); };
  const Removal now = plan_removal(removal.model);
  if (what_goes(now) != what_goes(removal))
    fail(Errc::kIo, "remove: {} changed since it was looked at. Fix: the same command again looks anew.",
         removal.repository);
  for (const std::string& ref : removal.refs) remove_path(removal.folder / "refs" / ref);
  for (const std::string& commit : removal.commits) {
    remove_path(removal.folder / "snapshots" / commit);
    remove_path(removal.folder / ".no_exist" / commit);
    remove_path(removal.folder / "trees" / (commit + ".json"));
  }
  for (const fs::path& content : removal.contents) remove_path(content);
  if (removal.is_whole) remove_path(removal.folder);
}

}  // namespace lyceum
