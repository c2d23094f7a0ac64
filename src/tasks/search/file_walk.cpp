#include "tasks/search/file_walk.h"

#include <algorithm>
#include <system_error>

#include "base/error.h"
#include "base/file.h"

namespace lyceum {
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kNone = std::string_view::npos;

// The set that begins at pattern[at] == '[': whether it holds `c`, and the place behind its ']' (kNone: it
// does not end). As git's wildmatch reads it: ']' right behind the bracket is a member, '\\' takes the next
// character as it is.
std::size_t match_set(std::string_view pattern, std::size_t at, char letter, bool& holds) {
  const auto c = static_cast<unsigned char>(letter);
  std::size_t i = at + 1;
  const bool inverted = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (inverted) ++i;
  bool in = false;
  int before = -1;  // the member before a '-'
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false, ++i) {
    if (pattern[i] == '-' && before >= 0 && i + 1 < pattern.size() && pattern[i + 1] != ']') {
      ++i;
      if (pattern[i] == '\\' && ++i == pattern.size()) return kNone;
      in |= before <= c && c <= static_cast<unsigned char>(pattern[i]);
      before = -1;
      continue;
    }
    if (pattern.substr(i).starts_with("[:")) {
      const std::size_t close = pattern.find(":]", i + 2);
      if (close != kNone) {
        const std::string_view name = pattern.substr(i + 2, close - i - 2);
        const bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
        const bool space = c == ' ' || (c >= 9 && c <= 13);
        if (name == "digit")
          in |= digit;
        else if (name == "alpha")
          in |= upper || lower;
        else if (name == "alnum")
          in |= upper || lower || digit;
        else if (name == "upper")
          in |= upper;
        else if (name == "lower")
          in |= lower;
        else if (name == "space")
          in |= space;
        else if (name == "punct")
          in |= c > ' ' && c < 127 && !upper && !lower && !digit;
        else if (name == "xdigit")
          in |= digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        else
          return kNone;
        i = close + 1;
        before = -1;
        continue;
      }
    }
    if (pattern[i] == '\\' && ++i == pattern.size()) return kNone;
    before = static_cast<unsigned char>(pattern[i]);
    in |= before == c;
  }
  if (i >= pattern.size()) return kNone;
  holds = in != inverted;
  return i + 1;
}

// One part of a path. Going back only to the last star keeps the time below pattern times text.
bool match_part(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = kNone, star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    std::size_t next = kNone;  // where the pattern goes on when this character matches
    if (p < pattern.size()) {
      if (pattern[p] == '?') {
        next = p + 1;
      } else if (pattern[p] == '[') {
        bool holds = false;
        const std::size_t behind = match_set(pattern, p, text[t], holds);
        if (behind != kNone && holds) next = behind;
      } else if (pattern[p] == '\\') {
        if (p + 1 < pattern.size() && pattern[p + 1] == text[t]) next = p + 2;
      } else if (pattern[p] == text[t]) {
        next = p + 1;
      }
    }
    if (next != kNone) {
      p = next;
      ++t;
    } else if (star != kNone) {
      p = star;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t slash; (slash = path.find('/')) != kNone; path.remove_prefix(slash + 1))
    parts.push_back(path.substr(0, slash));
  parts.push_back(path);
  return parts;
}

// Two stars and more that fill a part stand for any number of parts.
bool is_deep(std::string_view part) { return part.size() >= 2 && part.find_first_not_of('*') == kNone; }

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  const std::vector<std::string_view> want = parts_of(pattern), have = parts_of(text);
  std::size_t w = 0, h = 0, deep = kNone, deep_from = 0;
  while (h < have.size()) {
    if (w < want.size() && is_deep(want[w])) {
      if (++w == want.size()) return true;  // at the end: everything inside, but not nothing
      deep = w;
      deep_from = h;
    } else if (w < want.size() && match_part(want[w], have[h])) {
      ++w;
      ++h;
    } else if (deep != kNone) {
      w = deep;
      h = ++deep_from;
    } else {
      return false;
    }
  }
  return w == want.size();
}

void IgnorePatterns::add(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    // trailing spaces do not count, unless a backslash stands before the space
    while (!line.empty() && line.back() == ' ' && !(line.size() >= 2 && line[line.size() - 2] == '\\'))
      line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    Pattern p{line, false, false, false};
    if (p.text[0] == '!') p.negated = true, p.text.erase(0, 1);
    if (!p.text.empty() && p.text.back() == '/') p.folders_only = true, p.text.pop_back();
    p.anchored = p.text.find('/') != std::string::npos;
    if (!p.text.empty() && p.text[0] == '/') p.text.erase(0, 1);
    if (!p.text.empty() && p.text.size() <= 4096) patterns_.push_back(std::move(p));
  }
}

int IgnorePatterns::decide(std::string_view path, bool is_folder) const {
  int verdict = 0;
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  for (const Pattern& p : patterns_)
    if ((is_folder || !p.folders_only) && glob_match(p.text, p.anchored ? path : name))
      verdict = p.negated ? -1 : 1;
  return verdict;
}

namespace {

struct Level {
  fs::path folder;  // absolute
  IgnorePatterns patterns;
};

Level level_of(const fs::path& folder) {
  Level level{folder, {}};
  std::error_code error;
  for (const char* name : {".gitignore", ".lyceumignore"})
    if (const fs::path file = folder / name; fs::is_regular_file(file, error))
      level.patterns.add(read_text(file, 1 << 20));
  return level;
}

bool is_ignored(const std::vector<Level>& levels, const fs::path& path, bool is_folder) {
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {  // the nearest ignore file decides
    const int verdict =
        level->patterns.decide(path.lexically_relative(level->folder).generic_string(), is_folder);
    if (verdict != 0) return verdict > 0;
  }
  return false;
}

// `folder` as the caller wrote it, `absolute` the same place for the patterns.
void walk(const fs::path& folder, const fs::path& absolute, std::vector<Level>& levels, WalkedFiles& out) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    entries.push_back(*it);
  if (error) {
    out.unreadable.emplace_back(folder, error.message());
    return;
  }
  levels.push_back(level_of(absolute));
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.path() < b.path(); });
  for (const fs::directory_entry& entry : entries) {
    const fs::path name = entry.path().filename();
    if (name.native().starts_with(".")) continue;
    const bool is_folder = entry.is_directory(error) && !entry.is_symlink(error);
    if (is_ignored(levels, absolute / name, is_folder)) continue;
    if (is_folder) {
      walk(entry.path(), absolute / name, levels, out);
    } else if (entry.is_regular_file(error)) {
      out.files.push_back(entry.path());
    }
  }
  levels.pop_back();
}

// Inside a git repository the ignore files above the folder count too, up to the repository's top.
std::vector<Level> levels_above(const fs::path& absolute) {
  std::error_code error;
  std::vector<fs::path> above;
  for (fs::path at = absolute; !fs::exists(at / ".git", error); at = at.parent_path()) {
    if (at == at.parent_path()) return {};
    above.push_back(at.parent_path());
  }
  std::vector<Level> levels;
  for (auto folder = above.rbegin(); folder != above.rend(); ++folder) levels.push_back(level_of(*folder));
  return levels;
}

}  // namespace

WalkedFiles walk_files(const fs::path& root) {
  std::error_code error;
  if (fs::is_regular_file(root, error)) return {{root.lexically_normal()}, {}};
  if (!fs::is_directory(root, error)) fail(Errc::kIo, "{}: found neither a file nor a folder", root.string());
  fs::path given = root.lexically_normal(), absolute = fs::absolute(given).lexically_normal();
  for (fs::path* path : {&given, &absolute})
    if (!path->has_filename() && path->has_relative_path())
      *path = path->parent_path();  // "notes/" is "notes"
  WalkedFiles out;
  std::vector<Level> levels = levels_above(absolute);
  walk(given, absolute, levels, out);
  if (!out.unreadable.empty() && out.unreadable[0].first == given)
    fail(Errc::kIo, "{}: cannot list it: {}", root.string(), out.unreadable[0].second);
  if (given == ".")  // as people write them: "a.md", not "./a.md"
    for (fs::path& file : out.files) file = file.lexically_normal();
  return out;
}

}  // namespace lyceum
