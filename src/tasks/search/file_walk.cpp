#include "tasks/search/file_walk.h"

#include <algorithm>
#include <system_error>

#include "base/error.h"
#include "base/file.h"

namespace lyceum {
namespace fs = std::filesystem;

bool glob_match(std::string_view pattern, std::string_view text) {
  // Two places to go back to: the last '*' (stays in one part) and the last '**'.
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t p = 0, t = 0, star = kNone, star_text = 0, deep = kNone, deep_text = 0;
  while (true) {
    if (p < pattern.size() && pattern.substr(p).starts_with("**")) {
      p += 2;
      if (p < pattern.size() && pattern[p] == '/') ++p;  // "**/" also stands for nothing
      deep = p;
      deep_text = t;
      star = kNone;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    bool matched = false;
    std::size_t width = 1;
    if (t < text.size() && p < pattern.size()) {
      const char c = text[t];
      if (pattern[p] == '?') {
        matched = c != '/';
      } else if (const std::size_t close = pattern.find(']', p + 2); pattern[p] == '[' && close != kNone) {
        std::size_t i = p + 1;
        const bool inverted = pattern[i] == '!' || pattern[i] == '^';
        if (inverted) ++i;
        bool in = false;
        for (; i < close; ++i) {
          if (i + 2 < close && pattern[i + 1] == '-') {
            in |= pattern[i] <= c && c <= pattern[i + 2];
            i += 2;
          } else {
            in |= pattern[i] == c;
          }
        }
        matched = c != '/' && in != inverted;
        width = close - p + 1;
      } else if (pattern[p] == '\\' && p + 1 < pattern.size()) {
        matched = pattern[p + 1] == c;
        width = 2;
      } else {
        matched = pattern[p] == c;
      }
    }
    if (matched) {
      p += width;
      ++t;
      continue;
    }
    if (p == pattern.size() && t == text.size()) return true;
    if (star != kNone && star_text < text.size() && text[star_text] != '/') {
      p = star;
      t = ++star_text;
    } else if (deep != kNone && deep_text < text.size()) {
      p = deep;
      t = ++deep_text;
      star = kNone;
    } else {
      return false;
    }
  }
}

void IgnorePatterns::add(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
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
    if ((is_folder || !p.folders_only) && glob_match(p.text, p.anchored ? path : name)) verdict = p.negated ? -1 : 1;
  return verdict;
}

namespace {

struct Level {
  fs::path folder;
  IgnorePatterns patterns;
};

bool is_ignored(const std::vector<Level>& levels, const fs::path& path, bool is_folder) {
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {  // the nearest ignore file decides
    const int verdict = level->patterns.decide(path.lexically_relative(level->folder).generic_string(), is_folder);
    if (verdict != 0) return verdict > 0;
  }
  return false;
}

void walk(const fs::path& folder, std::vector<Level>& levels, std::vector<fs::path>& out) {
  Level level{folder, {}};
  std::error_code error;
  for (const char* name : {".gitignore", ".lyceumignore"})
    if (const fs::path file = folder / name; fs::is_regular_file(file, error)) level.patterns.add(read_text(file, 1 << 20));
  levels.push_back(std::move(level));
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) entries.push_back(*it);
  if (error) fail(Errc::kIo, "{}: cannot list it: {}", folder.string(), error.message());
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.path() < b.path(); });
  for (const fs::directory_entry& entry : entries) {
    if (entry.path().filename().string().starts_with(".")) continue;
    const bool is_folder = entry.is_directory(error) && !entry.is_symlink(error);
    if (is_ignored(levels, entry.path(), is_folder)) continue;
    if (is_folder) {
      walk(entry.path(), levels, out);
    } else if (entry.is_regular_file(error)) {
      out.push_back(entry.path());
    }
  }
  levels.pop_back();
}

}  // namespace

std::vector<fs::path> walk_files(const fs::path& root) {
  std::error_code error;
  if (fs::is_regular_file(root, error)) return {root.lexically_normal()};
  if (!fs::is_directory(root, error)) fail(Errc::kIo, "{}: found neither a file nor a folder", root.string());
  std::vector<fs::path> out;
  std::vector<Level> levels;
  walk(root.lexically_normal(), levels, out);
  return out;
}

}  // namespace lyceum
