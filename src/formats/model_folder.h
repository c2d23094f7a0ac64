// From what a person types to the files of a model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lyceum {

class ModelFolder {
 public:
  // In this order: a folder; a file (.safetensors, .bin, .pt or .pth with config.json
  // beside it); a bundled name; a hub name
  // org/name[@revision] or a well-known short name, in the user's Hugging Face cache. Nothing is downloaded.
  // Throws Errc::kIo with the places where it looked; Errc::kUnsupported for files of other kinds.
  static ModelFolder find(const std::string& model);

  const std::filesystem::path& path() const noexcept { return path_; }
  const std::string& name() const noexcept { return name_; }  // as the person wrote it
  const std::optional<std::filesystem::path>& weights() const noexcept {
    return weights_;
  }  // a bare file's own path

  // The file of that relative path, if it is there. Links may lead to places inside the folder and the hub
  // cache only; another target is Errc::kData naming it. The path itself may not leave the folder
  // (Errc::kFormat).
  std::optional<std::filesystem::path> file(const std::string& relative) const;
  std::filesystem::path require(const std::string& relative) const;  // Errc::kIo when it is missing

 private:
  std::filesystem::path path_, root_;  // root_: where links may lead
  std::string name_;
  std::optional<std::filesystem::path> weights_;
};

struct StoredModel {
  std::string name, kind;  // "bundled" or "cached"
  std::filesystem::path path;
  std::uint64_t bytes = 0;
};
std::vector<StoredModel> stored_models();

// $LYCEUM_HOME, else $XDG_DATA_HOME/lyceum, else ~/.local/share/lyceum.
std::filesystem::path data_home();
// $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub.
std::filesystem::path hub_cache();
// Short names and the full names that they stand for.
std::span<const std::pair<const char*, const char*>> well_known_names();

}  // namespace lyceum
