// The files that an index is made of: folders walked in a fixed order, without what ignore files name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lyceum {

// The patterns of one ignore file (.gitignore, .lyceumignore), read as git reads them: comments, !, trailing
// and leading /, *,
// **, ?, [..] with classes, backslashes. A pattern is at most 4096 bytes long; longer ones are left out.
class IgnorePatterns {
 public:
  void add(std::string_view file_text);
  // +1 ignored, -1 explicitly kept, 0 not mentioned. `path` is relative to the ignore file's folder, with '/'
  // between parts.
  int decide(std::string_view path, bool is_folder) const;

 private:
  struct Pattern {
    std::string text;
    bool negated, folders_only, anchored;
  };
  std::vector<Pattern> patterns_;
};

// Whether a name or path matches a pattern; '*' and '?' do not match '/', a part "**" does. The time stays
// polynomial.
bool glob_match(std::string_view pattern, std::string_view text);

struct WalkedFiles {
  std::vector<std::filesystem::path> files;  // sorted by path within each folder
  std::vector<std::pair<std::filesystem::path, std::string>>
      unreadable;  // folders that could not be listed, and why
};

// All regular files under `root` (or `root` itself, whatever its name), in a fixed order. Hidden files, links
// to folders and what is ignored are left out; inside a git repository its ignore files above `root` count
// too. Throws Errc::kIo when `root` does not exist or cannot be listed.
WalkedFiles walk_files(const std::filesystem::path& root);

}  // namespace lyceum
