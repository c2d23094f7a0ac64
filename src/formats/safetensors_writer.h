// A safetensors file written tensor after tensor, so that no more than a piece of one is in memory.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "base/file.h"
#include "formats/tensor_info.h"

namespace lyceum {

class SafetensorsWriter {
 public:
  // Writes the header: names must differ (Errc::kUsage). The bytes of the tensors follow in the same order.
  SafetensorsWriter(const std::filesystem::path& path, std::span<const TensorInfo> tensors,
                    const std::map<std::string, std::string>& metadata);
  void write(const void* data, std::size_t bytes);
  // The file appears, complete. Throws Errc::kInternal when the bytes are not as many as the header says.
  void commit();

 private:
  AtomicFile file_;
  std::uint64_t expected_ = 0, written_ = 0;
};

}  // namespace lyceum
