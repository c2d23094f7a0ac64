// What becomes of a checkpoint's tensors when it is converted: known before any byte is read, since a file's
// header comes first. A form of storage is one Treatment, with its line in write_planned.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/safetensors_writer.h"
#include "formats/tensor_info.h"

namespace lyceum {

enum class Treatment {
  kKeep,    // the same bytes
  kCast,    // rounded to another floating-point format, to the nearest with ties to even
  kScales,  // [D, 1]: the largest |value| of each row over 127
  kBytes,   // each row over its scale, in whole numbers from -127 to 127 (kernels::quantize_row)
};

struct TensorPlan {
  std::string source;  // its name in the checkpoint
  Treatment treatment = Treatment::kKeep;
  TensorInfo stored;  // what stands for it in the new file
};

// Floating-point tensors (F64, F32, BF16, F16) become `dtype` (F32, BF16 or F16) when one is given; whole
// numbers, truth values and formats of less than 16 bits stay. `name` is its new name.
TensorPlan plan_tensor(const TensorInfo& tensor, const std::string& name, std::optional<DType> dtype);

// A floating-point matrix [D, C] as NAME, I8, and NAME_scale, F32 [D, 1]: the layout of compressed-tensors,
// "int-quantized", one scale a channel. Throws Errc::kUnsupported for other tensors.
std::vector<TensorPlan> plan_quantized(const TensorInfo& tensor, const std::string& name);
// Writes the bytes of plan.stored, a small piece at a time. Throws Errc::kData, naming the tensor, where a
// finite value would become infinite, or a row that is quantised is not finite.
void write_planned(const TensorPlan& plan, const Tensor& value, SafetensorsWriter& file);

}  // namespace lyceum
