#include "formats/hub_cache.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

constexpr std::pair<const char*, const char*> kNames[] = {
    {"all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"},
    {"all-MiniLM-L12-v2", "sentence-transformers/all-MiniLM-L12-v2"},
    {"bert-base-cased", "google-bert/bert-base-cased"},
    {"bert-base-multilingual-cased", "google-bert/bert-base-multilingual-cased"},
    {"bert-base-uncased", "google-bert/bert-base-uncased"},
    {"bert-large-cased", "google-bert/bert-large-cased"},
    {"bert-large-uncased", "google-bert/bert-large-uncased"},
    {"paraphrase-MiniLM-L3-v2", "sentence-transformers/paraphrase-MiniLM-L3-v2"},
    {"paraphrase-MiniLM-L6-v2", "sentence-transformers/paraphrase-MiniLM-L6-v2"},
};

// One half of a repository's name, as the hub allows it (huggingface_hub, validate_repo_id).
bool is_name_part(std::string_view part) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  const auto edge = [](char c) { return c == '-' || c == '.'; };
  return !part.empty() && part.size() <= 96 && std::all_of(part.begin(), part.end(), plain) &&
         !edge(part.front()) && !edge(part.back()) && part.find("..") == part.npos &&
         part.find("--") == part.npos;
}

std::string without_line_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::optional<std::string> read_ref(const fs::path& file) {
  try {
    std::string commit = without_line_end(read_text(file, 4096));
    if (is_safe_path(commit) && commit.find('/') == std::string::npos) return commit;
  } catch (const Error&) {  // an unreadable ref is none
  }
  return std::nullopt;
}

}  // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path home_folder() { return environment("HOME").empty() ? fs::path("/") : fs::path(environment("HOME")); }

fs::path hugging_face_home() {
  if (const std::string set = environment("HF_HOME"); !set.empty()) return set;
  return home_folder() / ".cache/huggingface";
}

fs::path hub_cache() {
  if (const std::string set = environment("HF_HUB_CACHE"); !set.empty()) return set;
  return hugging_face_home() / "hub";
}

std::span<const std::pair<const char*, const char*>> well_known_names() { return kNames; }

std::optional<HubName> parse_hub_name(std::string_view model) {
  HubName name;
  if (const auto at = model.find('@'); at != model.npos) {
    name.revision = model.substr(at + 1);
    name.has_revision = true;
    model = model.substr(0, at);
  }
  name.repository = model;
  for (const auto& [shorter, full] : kNames)
    if (model == shorter) name.repository = full;
  const std::string_view whole = name.repository;
  const auto slash = whole.find('/');
  if (slash == whole.npos || !is_name_part(whole.substr(0, slash)) ||
      !is_name_part(whole.substr(slash + 1)) || !is_safe_path(name.revision))
    return std::nullopt;
  return name;
}

bool is_commit(std::string_view text) noexcept {
  return text.size() == 40 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_safe_path(std::string_view path) noexcept {
  if (path.empty() || path.size() > 1024 || !is_utf8(path)) return false;
  for (const char c : path)
    if (c == '\\' || static_cast<unsigned char>(c) < 32 || c == 127) return false;
  std::size_t parts = 0;
  for (std::string_view rest = path;;) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.size() > 255 || ++parts > 32) return false;
    if (slash == rest.size()) return true;
    rest.remove_prefix(slash + 1);
  }
}

fs::path cached_repository(const std::string& repository) {
  std::string folder = "models--" + repository;
  folder.replace(folder.find('/'), 1, "--");
  return hub_cache() / folder;
}

std::optional<std::string> cached_commit(const HubName& name) {
  const fs::path ref = cached_repository(name.repository) / "refs" / name.revision;
  std::error_code error;
  if (fs::is_regular_file(ref, error)) return read_ref(ref);
  if (name.revision.find('/') == std::string::npos) return name.revision;
  return std::nullopt;
}

std::optional<fs::path> cached_snapshot(const HubName& name) {
  const auto commit = cached_commit(name);
  if (!commit) return std::nullopt;
  const fs::path snapshot = cached_repository(name.repository) / "snapshots" / *commit;
  std::error_code error;
  if (fs::is_directory(snapshot, error)) return snapshot;
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> cached_refs(const fs::path& repository) {
  std::vector<std::pair<std::string, std::string>> refs;
  const fs::path folder = repository / "refs";
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error))
      if (const auto commit = read_ref(it->path()))
        refs.emplace_back(it->path().lexically_relative(folder).string(), *commit);
  std::sort(refs.begin(), refs.end());
  return refs;
}

std::vector<CachedRevision> cached_revisions(const fs::path& repository) {
  std::vector<CachedRevision> out;
  const auto refs = cached_refs(repository);
  std::error_code error;
  for (fs::directory_iterator it(repository / "snapshots", error), end; !error && it != end;
       it.increment(error)) {
    std::error_code unreadable;
    if (!it->is_directory(unreadable)) continue;
    CachedRevision revision;
    revision.commit = it->path().filename().string();
    revision.path = it->path();
    for (const auto& [ref, commit] : refs)
      if (commit == revision.commit) revision.refs.push_back(ref);
    std::set<fs::path> contents;
    for (fs::recursive_directory_iterator file(it->path(), unreadable), last; !unreadable && file != last;
         file.increment(unreadable)) {
      std::error_code missing;
      if (!file->is_regular_file(missing)) continue;  // folders, and links to nothing
      ++revision.files;
      const fs::path content = fs::canonical(file->path(), missing);
      if (missing || !contents.insert(content).second) continue;
      const auto bytes = fs::file_size(content, missing);
      if (!missing) revision.bytes += bytes;
    }
    out.push_back(std::move(revision));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.commit < b.commit; });
  return out;
}

}  // namespace lyceum
