#include "formats/model_folder.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/file.h"

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

constexpr std::string_view kKinds[] = {".safetensors", ".bin", ".pt", ".pth", ".ckpt"};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path home() { return environment("HOME").empty() ? fs::path("/") : fs::path(environment("HOME")); }

bool is_inside(const fs::path& path, const fs::path& root) {
  const auto [end, nothing] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return end == root.end();
}

bool present(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// models--ORG--NAME/snapshots/COMMIT for a name with one slash.
std::optional<fs::path> cached_snapshot(const std::string& full_name, const std::string& revision) {
  std::string folder = "models--" + full_name;
  folder.replace(folder.find('/'), 1, "--");
  const fs::path base = hub_cache() / folder;
  std::string commit = revision;
  std::error_code error;
  if (const fs::path ref = base / "refs" / revision; fs::is_regular_file(ref, error)) {
    commit = read_text(ref, 4096);
    while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r')) commit.pop_back();
  }
  const bool plain =
      !commit.empty() && commit.find('/') == std::string::npos && commit != "." && commit != "..";
  const fs::path snapshot = base / "snapshots" / commit;
  if (plain && fs::is_directory(snapshot, error)) return snapshot;
  return std::nullopt;
}

std::uint64_t folder_bytes(const fs::path& folder) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error)) sum += fs::file_size(it->path(), error);
  return sum;
}

}  // namespace

fs::path data_home() {
  if (const std::string set = environment("LYCEUM_HOME"); !set.empty()) return set;
  if (const std::string set = environment("XDG_DATA_HOME"); !set.empty()) return fs::path(set) / "lyceum";
  return home() / ".local/share/lyceum";
}

fs::path hub_cache() {
  if (const std::string set = environment("HF_HUB_CACHE"); !set.empty()) return set;
  if (const std::string set = environment("HF_HOME"); !set.empty()) return fs::path(set) / "hub";
  return home() / ".cache/huggingface/hub";
}

std::span<const std::pair<const char*, const char*>> well_known_names() { return kNames; }

ModelFolder ModelFolder::find(const std::string& model) {
  if (model.empty()) fail(Errc::kUsage, "model: found an empty name, expected a folder, a file or a name");
  if (model.find('\0') != std::string::npos) fail(Errc::kUsage, "model: the name holds a NUL byte");
  ModelFolder folder;
  folder.name_ = model;
  std::error_code error;
  if (fs::is_directory(model, error)) {
    folder.path_ = fs::canonical(model);
    folder.root_ = folder.path_;
    // a snapshot of the cache links to its neighbours
    const fs::path cache = fs::weakly_canonical(hub_cache(), error);
    if (is_inside(folder.path_, cache)) folder.root_ = cache;
    return folder;
  }
  if (present(model)) {
    const fs::path path(model);
    const std::string kind = path.extension().string();
    if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds))
      fail(Errc::kUnsupported,
           "{}: found a file of the kind '{}', expected a folder or a .safetensors, .bin, .pt or .pth file",
           model, kind);
    folder.path_ = fs::canonical(path).parent_path();
    folder.root_ = folder.path_;
    folder.weights_ = fs::canonical(path);
    if (!present(folder.path_ / "config.json"))
      fail(Errc::kIo, "{}: config.json is missing beside it", model);
    return folder;
  }
  const bool plain = model.find('/') == std::string::npos && model != "." && model != "..";
  const fs::path bundled = data_home() / "models" / model;
  if (plain && fs::is_directory(bundled, error)) {
    folder.path_ = fs::canonical(bundled);
    folder.root_ = folder.path_;
    return folder;
  }
  std::string name = model, revision = "main";
  if (const auto at = name.find('@'); at != std::string::npos) {
    revision = name.substr(at + 1);
    name.resize(at);
  }
  for (const auto& [shorter, full] : kNames)
    if (name == shorter) name = full;
  if (std::count(name.begin(), name.end(), '/') == 1 && name.front() != '/' && name.back() != '/' &&
      name.find("..") == std::string::npos) {
    if (const auto snapshot = cached_snapshot(name, revision)) {
      folder.path_ = fs::canonical(*snapshot);
      folder.root_ = fs::weakly_canonical(hub_cache());
      return folder;
    }
    // a bundled model serves its full name too, but no revision of it
    if (const fs::path by_full_name = data_home() / "models" / name.substr(name.find('/') + 1);
        revision == "main" && fs::is_directory(by_full_name, error)) {
      folder.path_ = fs::canonical(by_full_name);
      folder.root_ = folder.path_;
      return folder;
    }
  }
  fail(Errc::kIo,
       "model '{}': found neither a folder nor a file of that name, nothing bundled in {} and no '{}' in the "
       "Hugging Face cache {}. "
       "Fix: give the path of a model's folder; `lyceum list` shows the models that are here.",
       model, (data_home() / "models").string(), name, hub_cache().string());
}

std::optional<fs::path> ModelFolder::file(const std::string& relative) const {
  const fs::path part = fs::path(relative).lexically_normal();
  if (relative.find('\0') != std::string::npos || part.is_absolute() || part.begin() == part.end() ||
      *part.begin() == "..")
    fail(Errc::kFormat, "{}: found the path '{}', expected one inside the model's folder", path_.string(),
         relative);
  const fs::path full = path_ / part;
  std::error_code error;
  if (!fs::exists(fs::symlink_status(full, error))) return std::nullopt;
  const fs::path target = fs::canonical(full, error);
  if (error) {
    if (error == std::errc::no_such_file_or_directory) return std::nullopt;  // a dangling link
    fail(Errc::kIo, "{}: cannot follow it: {}", full.string(), error.message());
  }
  if (!is_inside(target, root_))
    fail(Errc::kData, "{}: links to {}, outside of the model's folder {}", full.string(), target.string(),
         root_.string());
  return full;
}

fs::path ModelFolder::require(const std::string& relative) const {
  if (auto path = file(relative)) return *path;
  fail(Errc::kIo, "{}: {} is missing", path_.string(), relative);
}

std::vector<StoredModel> stored_models() {
  std::vector<StoredModel> out;
  std::error_code error;
  for (fs::directory_iterator it(data_home() / "models", error), end; !error && it != end;
       it.increment(error))
    if (it->is_directory(error))
      out.push_back({it->path().filename().string(), "bundled", it->path(), folder_bytes(it->path())});
  error.clear();
  for (fs::directory_iterator it(hub_cache(), error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!name.starts_with("models--")) continue;
    name = name.substr(8);
    if (const auto dashes = name.find("--"); dashes != std::string::npos) name.replace(dashes, 2, "/");
    out.push_back({name, "cached", it->path(), folder_bytes(it->path() / "blobs")});
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return std::tie(a.kind, a.name) < std::tie(b.kind, b.name); });
  return out;
}

}  // namespace lyceum
