// safetensors: named tensors in one mapped file. Format: 8 bytes little-endian header length, JSON header,
// data.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "tensor/tensor.h"

namespace lyceum {

// Where a tensor lies in the data section, as the header says and the checks have confirmed.
struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::size_t begin = 0, end = 0;  // bytes from the start of the file
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of their data
  std::map<std::string, std::string> metadata;
};

// Reads and checks the header of a whole file's bytes: length at most 100 MB and inside the file, JSON
// without double keys, known types, products that do not wrap, offsets that follow one another without gap or
// overlap and end with the file. `what` names the file in messages. Throws Errc::kFormat.
SafetensorsHeader parse_safetensors(std::span<const std::byte> bytes, const std::string& what);

class Safetensors {
 public:
  static Safetensors open(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return file_->path(); }
  const std::vector<SafetensorsEntry>& entries() const noexcept { return header_.entries; }
  const std::map<std::string, std::string>& metadata() const noexcept { return header_.metadata; }
  // A view of the mapped file, or an aligned copy where the file's alignment does not fit the type.
  Tensor tensor(const SafetensorsEntry& entry) const;

 private:
  std::shared_ptr<const MappedFile> file_;
  SafetensorsHeader header_;
};

// Writes the tensors in the given order; the file appears complete or not at all. Names must differ.
void write_safetensors(const std::filesystem::path& path,
                       std::span<const std::pair<std::string, Tensor>> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace lyceum
