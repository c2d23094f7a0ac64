// Writes a model's folder anew: its weights as safetensors, in another number format when asked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "formats/model_folder.h"
#include "tensor/dtype.h"

namespace lyceum {

struct ConvertOptions {
  std::filesystem::path output;
  std::optional<DType> dtype;                     // F32, BF16, F16 or I8; empty: each tensor stays as it is
  std::uint64_t max_shard_bytes = 5'000'000'000;  // of tensors in one file; R: save_pretrained's 5 GB
  bool force = false;                             // replaces a model's folder that is there
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // bytes of weights
};

struct ConvertReport {
  std::size_t tensors = 0;
  std::uint64_t bytes = 0;         // of weights
  std::vector<std::string> files;  // relative to the folder, in the order in which they were written
};

// A folder that transformers and sentence-transformers load, with equal results where no rounding was asked:
// - the tensors of model.safetensors or pytorch_model.bin (Checkpoint::open) under their published names and
//   in their shapes, used or not; LayerNorm.gamma and .beta are called .weight and .bias, as they are today;
//   of names that share storage the first is kept, unless the configuration unties them;
// - of an adapter's folder the parameters of the class that was adapted, under its names, the merged ones in
// F32
//   unless another format is asked for;
// - in files of at most max_shard_bytes, with model.safetensors.index.json when there are several;
// - with I8, the matrices that Model::int8_weights names as bytes with scales, in the layout of
// compressed-tensors
//   ("int-quantized") and with its quantization_config, all else as it is: the folder gives the bits of
//   Compute::kInt8 on the model it was made of;
// - config.json with its "dtype"; the tokenizer's files; modules.json and its modules, with their weights.
// One piece of a tensor is in memory at a time (all of it where a .bin file has it in another order). The
// folder appears complete or not at all: it is written as OUTPUT.part and renamed.
// Throws what Checkpoint::open and sentence_pipeline throw; Errc::kIo when the output is there and `force` is
// not given, or there is no room on the disk; what load_model throws for I8; Errc::kData for a value that the
// format cannot hold.
ConvertReport convert(const ModelFolder& model, const ConvertOptions& options);

}  // namespace lyceum
