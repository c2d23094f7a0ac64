// What becomes of one tensor when a checkpoint is converted: known before any byte is read, since a file's
// header comes first. A form of storage is one Treatment, with its line in each of the two functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/safetensors_writer.h"
#include "formats/tensor_info.h"

namespace lyceum {

enum class Treatment {
  kKeep,  // the same bytes
  kCast,  // rounded to another floating-point format, to the nearest with ties to even
};

struct TensorPlan {
  std::string source;  // its name in the checkpoint
  Treatment treatment = Treatment::kKeep;
  std::vector<TensorInfo> stored;  // what stands for it in the new file, one behind the other

  std::uint64_t bytes() const;  // of what is stored
};

// Floating-point tensors (F64, F32, BF16, F16) become `dtype` (F32, BF16 or F16) when one is given; whole
// numbers, truth values and formats of less than 16 bits stay. `name` is its new name.
TensorPlan plan_tensor(const TensorInfo& tensor, const std::string& name, std::optional<DType> dtype);

// Writes the bytes of plan.stored, a small piece at a time. Throws Errc::kData, naming the tensor, where a
// finite value would become infinite.
void write_planned(const TensorPlan& plan, const Tensor& value, SafetensorsWriter& file);

}  // namespace lyceum
