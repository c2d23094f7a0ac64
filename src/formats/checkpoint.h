// The tensors of one model: a safetensors file or one of torch.save, or several with their index.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "formats/safetensors.h"
#include "formats/tensor_info.h"
#include "formats/torch_file.h"

namespace lyceum {

class ModelFolder;

class Checkpoint {
 public:
  Checkpoint() = default;  // without tensors
  // The first of these that is there: model.safetensors, model.safetensors.index.json with its shards,
  // pytorch_model.bin, pytorch_model.bin.index.json with its shards (plain names inside the folder), as the
  // reference chooses. `subfolder` of the model's folder, "" for itself. Throws Errc::kUnsupported where
  // there are only weights of another library, Errc::kIo where there are none, Errc::kFormat and kData for
  // bad files. Of an adapter's folder: the base's tensors as they are, and beside them those of
  // adapter_model.safetensors or .bin under their own names (base_model.model. ...).
  static Checkpoint open(const ModelFolder& folder, const std::string& subfolder = "");
  // A .bin, .pt, .pth or .ckpt file is one of torch.save; any other a safetensors file.
  static Checkpoint open_file(const std::filesystem::path& path);
  // Whether open() would find weights there.
  static bool is_in(const ModelFolder& folder, const std::string& subfolder = "");

  const TensorInfo* find_info(const std::string& name) const;
  // Whether it is there; the shape tells. Not marked as used. Null when missing.
  const Tensor* find(const std::string& name) const;
  // The tensor, marked as used. Throws Errc::kData when it is missing (with the names that come near) or of
  // another shape.
  Tensor take(const std::string& name, const Shape& shape) const;
  // A new model or a new head: take() makes the tensors that are missing from now on.
  using Maker = std::function<Tensor(const std::string& name, const Shape& shape)>;
  void make_missing(Maker maker);
  const std::vector<std::string>& made() const noexcept { return made_; }
  // Instead of what the files have under this name; messages name the file of `from`, which is there.
  void put(const std::string& name, Tensor value, const std::string& from);
  // As if the file did not have it: a head for other classes.
  void forget(const std::string& name);
  // Marked as used, though nobody needs it. Nothing happens when it is not there.
  void ignore(const std::string& name) const;
  // A tensor that is there, not marked and not kept: for passing over all of them one by one.
  Tensor read(const std::string& name) const;

  std::vector<std::string> names() const;   // in the order of the names
  std::vector<std::string> unused() const;  // neither taken nor ignored
  const std::filesystem::path& file_of(const std::string& name) const;
  std::uint64_t bytes() const;

 private:
  struct Item {
    TensorInfo info;
    std::size_t file = 0, entry = 0;
  };
  using File = std::variant<Safetensors, TorchFile>;

  static Checkpoint open_adapted(const ModelFolder& folder);
  static Checkpoint open_index(const ModelFolder& folder, const std::filesystem::path& path);
  void add_file(const std::filesystem::path& path);
  const std::filesystem::path& path_of(const Item& item) const;
  std::vector<File> files_;
  std::map<std::string, Item> items_;
  std::map<std::string, Tensor> put_;
  mutable std::map<std::string, Tensor> views_;
  mutable std::set<std::string> used_;
  Maker maker_;
  mutable std::vector<std::string> made_;
  std::string where_;
};

}  // namespace lyceum
