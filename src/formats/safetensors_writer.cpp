#include "formats/safetensors_writer.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/safetensors.h"

namespace lyceum {

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::span<const TensorInfo> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string_view> names;
  for (const TensorInfo& tensor : tensors) {
    if (!names.insert(tensor.name).second || tensor.name == "__metadata__")
      fail(Errc::kUsage, "{}: the name '{}' stands twice or is reserved", path.string(), tensor.name);
    header.push_back({tensor.name,
                      {{"dtype", dtype_name(tensor.dtype)},
                       {"shape", tensor.shape.sizes()},
                       {"data_offsets", {expected_, expected_ + tensor.bytes()}}}});
    expected_ += tensor.bytes();
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i)
    length[i] = static_cast<char>(static_cast<std::uint64_t>(text.size()) >> (8 * i));
  file_.write(length);
  file_.write(text);
}

void SafetensorsWriter::write(const void* data, std::size_t bytes) {
  file_.write(data, bytes);
  written_ += bytes;
}

void SafetensorsWriter::commit() {
  if (written_ != expected_)
    fail(Errc::kInternal, "safetensors: wrote {} bytes of tensors, expected {}", written_, expected_);
  file_.commit();
}

void write_safetensors(const std::filesystem::path& path,
                       std::span<const std::pair<std::string, Tensor>> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<TensorInfo> infos;
  for (const auto& [name, tensor] : tensors)
    infos.push_back({.name = name, .dtype = tensor.dtype(), .shape = tensor.shape()});
  SafetensorsWriter file(path, infos, metadata);
  for (const auto& [name, tensor] : tensors) {
    const Tensor rows = tensor.contiguous();
    file.write(rows.raw(), rows.bytes());
  }
  file.commit();
}

}  // namespace lyceum
