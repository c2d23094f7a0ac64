// The files that an index is made of: folders walked in a fixed order, without what ignore files name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lyceum {

// The patterns of one ignore file (.gitignore, .lyceumignore): comments, !, trailing and leading /, *, **, ?, [..].
class IgnorePatterns {
 public:
  void add(std::string_view file_text);
  // +1 ignored, -1 explicitly kept, 0 not mentioned. `path` is relative to the ignore file's folder, with '/' between parts.
  int decide(std::string_view path, bool is_folder) const;

 private:
  struct Pattern {
    std::string text;
    bool negated, folders_only, anchored;
  };
  std::vector<Pattern> patterns_;
};

// Whether a name or path matches a pattern; '*' and '?' do not match '/', '**' does.
bool glob_match(std::string_view pattern, std::string_view text);

// All regular files under `root` (or `root` itself), sorted by path. Hidden files, links to folders and what is ignored are
// left out. Throws Errc::kIo when `root` does not exist.
std::vector<std::filesystem::path> walk_files(const std::filesystem::path& root);

}  // namespace lyceum
