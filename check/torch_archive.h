// Files as torch.save writes them, made by hand: good ones, and parts that a test spoils on purpose.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "nn/named_tensors.h"

namespace lyceum::check {

using ZipParts = std::vector<std::pair<std::string, std::string>>;  // names and bytes
// A zip archive of stored entries, without zip64 and data descriptors.
std::string zip_of(const ZipParts& parts);

// Opcodes of protocol 2.
std::string pickled_text(const std::string& text);
std::string pickled_integer(std::int64_t value);
std::string pickled_global(const std::string& module, const std::string& name);
std::string pickled_call(const std::string& callee, const std::vector<std::string>& arguments);
std::string pickled_tuple(const std::vector<std::string>& items);
std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& items);  // keys are texts
// PROTO 2, the value, STOP.
std::string pickle_of(const std::string& value);

struct PickledTensor {
  std::string storage = "FloatStorage", key = "0";
  std::int64_t storage_elements = 0, offset = 0;
  std::vector<std::int64_t> sizes, strides;
};
std::string pickled_tensor(const PickledTensor& tensor);

// The archive of that pickle and of storages "0", "1", ...
std::string torch_archive(const std::string& pickle, const std::vector<std::string>& storages);
// A state dict of these tensors (F32, F64, F16, BF16, I64), each in a storage of its own.
std::string torch_file_of(const NamedTensors& tensors);

}  // namespace lyceum::check
