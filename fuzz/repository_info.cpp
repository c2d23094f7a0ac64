// What a hub says of a repository, and an index of shards, as two texts.
#include "tasks/pull/repository_info.h"

#include <algorithm>

#include "formats/hub_cache.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  const auto texts = fuzz::texts_of(data, size, 2);
  fuzz::answer([&] {
    const RepositoryInfo info = parse_repository_info(texts[0], "fuzz");
    fuzz::require(is_commit(info.commit), "a commit is one");
    fuzz::require(std::is_sorted(info.files.begin(), info.files.end()), "files are sorted");
    const auto is_known = [&](const std::string& path) {
      return std::binary_search(info.files.begin(), info.files.end(), path);
    };
    for (const std::string& path : info.files) {
      fuzz::require(is_safe_path(path), "a path is safe");
      fuzz::require(path.find("..") == path.npos || path.find("/../") == path.npos, "a path stays below");
    }
    fuzz::answer([&] {
      const auto chosen = select_files(info.files, {}, "fuzz");
      fuzz::require(!chosen.empty() && std::all_of(chosen.begin(), chosen.end(), is_known),
                    "a choice is of them");
    });
    fuzz::answer([&] {
      for (const std::string& shard : shards_of_index(texts[1], "model.safetensors.index.json", info.files))
        fuzz::require(is_known(shard), "a shard is a file of the repository");
    });
  });
  return 0;
}
