// The user's Hugging Face cache as it lies on the disk: models--ORG--NAME with
//   refs/REVISION             the commit that a branch or tag was at
//   blobs/ETAG                contents
//   snapshots/COMMIT/PATH     links to ../../blobs/ETAG (copies where links are impossible)
// Source: huggingface_hub, "Understand caching".
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lyceum {

// An environment variable, "" when it is not set.
std::string environment(const char* name);
// $HOME, else /.
std::filesystem::path home_folder();
// $HF_HOME, else ~/.cache/huggingface.
std::filesystem::path hugging_face_home();
// $HF_HUB_CACHE, else $HF_HOME/hub.
std::filesystem::path hub_cache();

// Short names and the full names that they stand for.
std::span<const std::pair<const char*, const char*>> well_known_names();

struct HubName {
  std::string repository;         // ORG/NAME
  std::string revision = "main";  // a branch, a tag or a commit
  bool has_revision = false;      // whether the person gave one
};
// ORG/NAME[@REVISION], or a well-known short name in its place. Nothing for what is no such name.
std::optional<HubName> parse_hub_name(std::string_view model);

// 40 lower-case hexadecimal digits.
bool is_commit(std::string_view text) noexcept;
// Whether a path from outside can be a file's place below a folder of ours: relative, UTF-8, at most 1024
// bytes and 32 components of at most 255 bytes, none of them empty, "." or ".."; no backslash and no control
// character.
bool is_safe_path(std::string_view path) noexcept;

// Where the repository lies in the cache, present or not.
std::filesystem::path cached_repository(const std::string& repository);
// The commit that a ref of the cache names, or the revision itself. It is one plain name, present or not.
std::optional<std::string> cached_commit(const HubName& name);
// The folder of the revision's files, if the cache has it.
std::optional<std::filesystem::path> cached_snapshot(const HubName& name);

struct CachedRevision {
  std::string commit;
  std::vector<std::string> refs;  // branches and tags that are at this commit, sorted
  std::uint64_t bytes = 0;        // of its files, one content counted once
  std::uint64_t files = 0;        // whose content is there
  std::filesystem::path path;
};
// What the cache has of a repository, by commit. A damaged cache gives what can be read.
std::vector<CachedRevision> cached_revisions(const std::filesystem::path& repository);
// Every ref of a cached repository and what it says.
std::vector<std::pair<std::string, std::string>> cached_refs(const std::filesystem::path& repository);

}  // namespace lyceum
