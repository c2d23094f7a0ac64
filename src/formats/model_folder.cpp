#include "formats/model_folder.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "formats/bundled_models.h"
#include "formats/checkpoint.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kKinds[] = {".safetensors", ".bin", ".pt", ".pth", ".ckpt"};

bool is_inside(const fs::path& path, const fs::path& root) {
  const auto [end, nothing] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return end == root.end();
}

bool present(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// Bytes and number of the regular files below a folder.
std::pair<std::uint64_t, std::uint64_t> content_of(const fs::path& folder) {
  std::uint64_t bytes = 0, files = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code unreadable;
    if (!it->is_regular_file(unreadable)) continue;
    ++files;
    const auto size = fs::file_size(it->path(), unreadable);
    if (!unreadable) bytes += size;
  }
  return {bytes, files};
}

}  // namespace

fs::path data_home() {
  if (const std::string set = environment("LYCEUM_HOME"); !set.empty()) return set;
  if (const std::string set = environment("XDG_DATA_HOME"); !set.empty()) return fs::path(set) / "lyceum";
  return home_folder() / ".local/share/lyceum";
}

ModelFolder ModelFolder::find(const std::string& model) {
  if (auto folder = find_if_present(model)) return *folder;
  const auto hub = parse_hub_name(model);
  std::string bundled;
  for (const fs::path& folder : bundled_folders())
    bundled += (bundled.empty() ? "" : " and ") + folder.string();
  fail(Errc::kIo,
       "model '{}': found neither a folder nor a file of that name, nothing bundled in {} and no '{}' in the "
       "Hugging Face cache {}. Fix: {}; `lyceum list` shows the models that are here.",
       model, bundled, hub ? hub->repository : model, hub_cache().string(),
       hub ? fmt::format("`lyceum pull {}` fetches it, or give the path of a model's folder", model)
           : std::string("give the path of a model's folder"));
}

std::optional<ModelFolder> ModelFolder::find_if_present(const std::string& model) {
  auto folder = locate(model);
  if (folder) folder->find_base();
  return folder;
}

void ModelFolder::find_base() {
  constexpr const char* kConfig = "adapter_config.json";
  constexpr std::uint64_t kMostBytes = 1 << 24;
  const auto file = weights_ ? std::nullopt : own_file(kConfig);
  if (!file || own_file("model.safetensors") || own_file("pytorch_model.bin")) return;
  adapter_ = std::make_shared<const AdapterConfig>(
      parse_adapter_config(read_text(*file, kMostBytes), file->string()));
  const std::string where = file->string() + ": 'base_model_name_or_path'", &name = adapter_->base;
  if (name.empty())
    fail(Errc::kFormat, "{}: found nothing, expected the model that the adapter changes", where);
  if (name.find('\0') != std::string::npos) fail(Errc::kFormat, "{}: the name holds a NUL byte", where);
  const auto hub = parse_hub_name(name);
  std::error_code error;
  if (is_inside(path_, fs::weakly_canonical(hub_cache(), error)) && !hub)
    fail(Errc::kData,
         "{}: found '{}', expected a hub name ORG/NAME: an adapter of the hub may not name a path of this "
         "machine. "
         "Fix: copy its folder, and write the base's place there",
         where, name);
  std::optional<ModelFolder> base;  // a path beside the adapter goes before one from here
  if (!fs::path(name).is_absolute()) base = locate((path_ / name).string());
  if (!base) base = locate(name);
  if (!base)
    fail(Errc::kIo,
         "{}: found no model '{}', neither as a folder or file, nor beside the adapter, nor in the Hugging "
         "Face cache "
         "{}. Fix: {}write the path of the model's folder there",
         where, name, hub_cache().string(), hub ? fmt::format("`lyceum pull {}`, or ", name) : std::string());
  if (base->path_ == path_ || (!base->weights_ && base->own_file(kConfig) && !Checkpoint::is_in(*base)))
    fail(Errc::kUnsupported,
         "{}: found '{}', which is an adapter itself, expected a whole model. Fix: `lyceum convert {} "
         "--output FOLDER` "
         "makes one of it",
         where, name, name);
  base_ = std::make_shared<const ModelFolder>(std::move(*base));
}

ModelFolder ModelFolder::inside(const std::string& relative) const {
  if (relative.empty()) return *this;
  if (base_ && !own_file(relative)) {
    ModelFolder folder = *this;
    folder.base_ = std::make_shared<const ModelFolder>(base_->inside(relative));
    return folder;
  }
  return find(require(relative).string());
}

std::optional<ModelFolder> ModelFolder::locate(const std::string& model) {
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
  if (const auto bundled = bundled_model(model)) {
    folder.path_ = fs::canonical(*bundled);
    folder.root_ = folder.path_;
    return folder;
  }
  const auto hub = parse_hub_name(model);
  if (!hub) return std::nullopt;
  if (const auto snapshot = cached_snapshot(*hub)) {
    folder.path_ = fs::canonical(*snapshot);
    folder.root_ = fs::weakly_canonical(hub_cache());
    return folder;
  }
  // a model that the user has bundled serves its full name too, but no revision of it; the program's have
  // none
  const fs::path by_full_name =
      data_home() / "models" / hub->repository.substr(hub->repository.find('/') + 1);
  if (hub->revision == "main" && fs::is_directory(by_full_name, error)) {
    folder.path_ = fs::canonical(by_full_name);
    folder.root_ = folder.path_;
    return folder;
  }
  return std::nullopt;
}

std::optional<fs::path> ModelFolder::file(const std::string& relative) const {
  auto own = own_file(relative);
  return own || !base_ ? own : base_->file(relative);
}

std::optional<fs::path> ModelFolder::own_file(const std::string& relative) const {
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
  const auto add = [&](std::string name, const char* kind, const fs::path& path, const fs::path& content) {
    StoredModel model{.name = std::move(name), .kind = kind, .path = path};
    std::tie(model.bytes, model.files) = content_of(content);
    out.push_back(std::move(model));
  };
  for (const fs::path& path : bundled_models()) add(path.filename().string(), "bundled", path, path);
  for (fs::directory_iterator it(hub_cache(), error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!name.starts_with("models--")) continue;
    name = name.substr(8);
    if (const auto dashes = name.find("--"); dashes != std::string::npos) name.replace(dashes, 2, "/");
    auto revisions = cached_revisions(it->path());
    if (revisions.empty()) add(name, "cached", it->path(), it->path() / "blobs");
    for (CachedRevision& r : revisions)
      out.push_back({name, "cached", r.path, std::move(r.commit), std::move(r.refs), r.bytes, r.files});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return std::tie(a.kind, a.name, a.revision) < std::tie(b.kind, b.name, b.revision);
  });
  return out;
}

std::int64_t model_max_length(const ModelFolder& folder) {
  const auto file = folder.file("tokenizer_config.json");
  if (!file) return 0;
  const Json json = read_json(*file);
  const JsonFields f(json, file->string());
  const Json* value = f.find("model_max_length");
  return value != nullptr && value->is_number_unsigned() && value->get<std::uint64_t>() < (1u << 24)
             ? value->get<std::int64_t>()
             : 0;
}

std::span<const char* const> copied_model_files() {
  static constexpr const char* kFiles[] = {"generation_config.json",
                                           "tokenizer.json",
                                           "tokenizer_config.json",
                                           "special_tokens_map.json",
                                           "added_tokens.json",
                                           "vocab.txt",
                                           "vocab.json",
                                           "merges.txt",
                                           "spiece.model",
                                           "sentencepiece.bpe.model",
                                           "tokenizer.model",
                                           "source.spm",
                                           "target.spm",
                                           "dict.txt",
                                           "chat_template.jinja",
                                           "chat_template.json",
                                           "preprocessor_config.json",
                                           "processor_config.json",
                                           "modules.json",
                                           "config_sentence_transformers.json",
                                           "sentence_bert_config.json",
                                           "sentence_roberta_config.json",
                                           "sentence_distilbert_config.json",
                                           "sentence_camembert_config.json",
                                           "sentence_albert_config.json",
                                           "sentence_xlm-roberta_config.json",
                                           "sentence_xlnet_config.json"};
  return kFiles;
}

}  // namespace lyceum
