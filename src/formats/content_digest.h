// 64 bits over what a result depends on: whether two models are one, wherever they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include "formats/checkpoint.h"
#include "formats/model_folder.h"

namespace lyceum {

class ContentDigest {
 public:
  void add(const void* data, std::size_t bytes);
  void add(std::string_view text);
  void add_tensors(const Checkpoint& checkpoint);  // names and bytes: reads all of them
  // Those of these files that the folder has.
  void add_files(const ModelFolder& folder, std::initializer_list<const char*> names);
  void add_file(const std::filesystem::path& path);
  // What a body and its tokenizer are made of beside the tensors.
  void add_settings(const ModelFolder& body);
  std::uint64_t value() const { return state_ ^ (state_ >> 29); }

 private:
  void mix(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9E3779B97F4A7C15u;
    state_ ^= state_ >> 32;
  }
  std::uint64_t state_ = 0xCBF29CE484222325u;
};

}  // namespace lyceum
