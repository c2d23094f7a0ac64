// Takes a model, or one revision of it, out of the Hugging Face cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lyceum {

struct Removal {
  std::string model;  // as it was asked for
  std::string repository;
  bool is_whole = false;                        // every revision, and the repository's folder
  std::vector<std::string> commits;             // that go
  std::vector<std::string> refs;                // that go
  std::vector<std::filesystem::path> contents;  // blobs that nothing else uses
  std::uint64_t bytes = 0;                      // that are freed
  std::uint64_t files = 0;                      // names in snapshots that go
  std::filesystem::path folder;                 // of the repository
};

// What removing ORG/NAME (every revision) or ORG/NAME@REVISION (a branch, a tag or a commit) would do.
// Throws Errc::kUsage for folders, files and bundled models, which are not the cache's; Errc::kIo when the
// cache does not have it; Errc::kData when its folder is a link.
Removal plan_removal(const std::string& model);

// Does it: names first, contents last, so that what remains is whole whenever it is cut off. Errc::kIo while
// a pull of the repository is at work, when what would go is not what was planned any more (a pull came
// between), or when the system refuses.
void remove_cached(const Removal& removal);

}  // namespace lyceum
