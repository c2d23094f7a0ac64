// From what a person types to the files of a model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/adapter_config.h"
#include "formats/hub_cache.h"

namespace lyceum {

class ModelFolder {
 public:
  // In this order: a folder; a file (.safetensors, .bin, .pt or .pth with config.json
  // beside it); a bundled name; a hub name
  // org/name[@revision] or a well-known short name, in the user's Hugging Face cache. Nothing is downloaded.
  // Throws Errc::kIo with the places where it looked; Errc::kUnsupported for files of other kinds.
  //
  // A folder with adapter_config.json and no weights of its own stands for the model that the adapter
  // changes: its base is what base_model_name_or_path names, a MODEL as above or a path beside the adapter
  // (one in the hub cache may name the hub only). Throws besides: what parse_adapter_config throws, Errc::kIo
  // for a base that is not here, Errc::kUnsupported for one that is an adapter itself.
  static ModelFolder find(const std::string& model);
  // The same, with nothing where find() says that it found nothing.
  static std::optional<ModelFolder> find_if_present(const std::string& model);

  const std::filesystem::path& path() const noexcept { return path_; }
  const std::string& name() const noexcept { return name_; }  // as the person wrote it
  const std::optional<std::filesystem::path>& weights() const noexcept {
    return weights_;
  }  // a bare file's own path

  // What the adapter in this folder says, and the model that it changes; null without one.
  const AdapterConfig* adapter() const noexcept { return adapter_.get(); }
  const ModelFolder* base() const noexcept { return base_.get(); }

  // The folder in this one that has a model's files ("0_Transformer"), or itself for an empty path; of an
  // adapter's base under the same adapter. Throws Errc::kIo when it is missing.
  ModelFolder inside(const std::string& relative) const;

  // The file of that relative path, if it is there, or else in the base. Links may lead to places inside the
  // folder and the hub cache only; another target is Errc::kData naming it. The path itself may not leave the
  // folder (Errc::kFormat).
  std::optional<std::filesystem::path> file(const std::string& relative) const;
  std::filesystem::path require(const std::string& relative) const;  // Errc::kIo when it is missing
  // Of this folder only.
  std::optional<std::filesystem::path> own_file(const std::string& relative) const;

 private:
  static std::optional<ModelFolder> locate(const std::string& model);
  void find_base();
  std::filesystem::path path_, root_;  // root_: where links may lead
  std::string name_;
  std::optional<std::filesystem::path> weights_;
  std::shared_ptr<const AdapterConfig> adapter_;
  std::shared_ptr<const ModelFolder> base_;
};

// What is copied as it is into a folder that is made of another: the tokenizer's files and those of
// sentence-transformers, of the model's own folder and of each module's.
std::span<const char* const> copied_model_files();

// tokenizer_config.json's model_max_length, when it is a number that means something (the library writes 1e30
// for "no limit"); else 0.
std::int64_t model_max_length(const ModelFolder& folder);

struct StoredModel {
  std::string name, kind;      // "bundled" or "cached"
  std::filesystem::path path;  // of the files: the folder, or the revision's snapshot
  std::string revision;        // the commit of a cached model; empty: bundled, or nothing of it is complete
  std::vector<std::string> refs;  // branches and tags at that commit
  std::uint64_t bytes = 0, files = 0;
};
// Bundled models, and each revision of the models in the cache. A content that two revisions share counts in
// both.
std::vector<StoredModel> stored_models();

// $LYCEUM_HOME, else $XDG_DATA_HOME/lyceum, else ~/.local/share/lyceum.
std::filesystem::path data_home();

}  // namespace lyceum
