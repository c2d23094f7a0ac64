// What the hub says of a revision: GET {endpoint}/api/models/{repository}/revision/{revision}.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lyceum {

struct RepositoryInfo {
  std::string commit;  // 40 hexadecimal digits
  std::vector<std::string>
      files;  // paths that are safe below a folder, sorted, each once, none also a folder
};
// Throws Errc::kFormat for what is no such JSON, Errc::kData for a commit, a path or a pair of paths that
// cannot be, Errc::kLimit for more than 100,000 files.
RepositoryInfo parse_repository_info(std::string_view json, const std::string& where);

struct Selection {
  // Globs of fnmatch(3) over the whole path, '*' matches '/' too. With `include` the matching files are taken
  // instead of those that Lyceum reads.
  std::vector<std::string> include, exclude;
  bool all_files = false;
};
// The files to fetch, sorted: configurations, tokenizers, the parts of a sentence-transformers model, and one
// form of the weights for each of its folders: model.safetensors, else the index of its shards, else
// pytorch_model.bin or its index, else every other safetensors file there is. Shards are named by their index
// (shards_of_index). Throws Errc::kData when nothing is left.
std::vector<std::string> select_files(std::span<const std::string> files, const Selection& selection,
                                      const std::string& where);

// Whether a path is an index of shards: model.safetensors.index.json or pytorch_model.bin.index.json.
bool is_shard_index(std::string_view path) noexcept;
// The shards that an index names, as paths of the repository. Errc::kData for one that `files` lacks.
std::vector<std::string> shards_of_index(std::string_view json, const std::string& path,
                                         std::span<const std::string> files);

// Known model names that are near to one that was not found, the nearest first, at most three.
std::vector<std::string> near_names(const std::string& name);

}  // namespace lyceum
