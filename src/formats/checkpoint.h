// The tensors of one model: a safetensors file, or several with their index.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "formats/safetensors.h"

namespace lyceum {

class ModelFolder;

class Checkpoint {
 public:
  // model.safetensors, or model.safetensors.index.json with its shards (plain names inside the folder).
  // Throws Errc::kUnsupported where there is only a pickle, Errc::kIo where there is nothing, Errc::kFormat
  // and kData for bad files.
  static Checkpoint open(const ModelFolder& folder);
  static Checkpoint open_file(const std::filesystem::path& path);

  struct Item {
    SafetensorsEntry entry;
    std::size_t file = 0;
  };
  const SafetensorsEntry* find_entry(const std::string& name) const;
  // Whether it is there; the shape tells. Not marked as used. Null when missing.
  const Tensor* find(const std::string& name) const;
  // The tensor, marked as used. Throws Errc::kData when it is missing (with the names that come near) or of
  // another shape.
  Tensor take(const std::string& name, const Shape& shape) const;

  std::vector<std::string> names() const;
  std::vector<std::string> unused() const;
  const std::filesystem::path& file_of(const std::string& name) const;
  std::uint64_t bytes() const;

 private:
  void add_file(const std::filesystem::path& path);
  std::vector<Safetensors> files_;
  std::map<std::string, Item> items_;
  mutable std::map<std::string, Tensor> views_;
  mutable std::set<std::string> used_;
  std::string where_;
};

}  // namespace lyceum
