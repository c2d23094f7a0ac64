// The files that torch.save has written since PyTorch 1.6: a zip archive of a pickle, which says what the
// tensors are, and of their storages, which are mapped and not copied. Source: torch/serialization.py and
// torch/_utils.py of PyTorch 2.13.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "formats/tensor_info.h"

namespace lyceum {

struct TorchEntry {
  TensorInfo info;
  std::size_t begin = 0;  // its first element, in bytes from the start of the file
  std::array<std::int64_t, Shape::kMaxDims> strides{};  // in elements
  bool is_contiguous = true;                            // in row-major order
};

// The tensors of the state dict, in its order. It is what stands at the root, or there under 'model'
// (fairseq), 'state_dict' (Lightning), 'module' (DeepSpeed) or 'model_state_dict'; what stands beside it is
// left alone, and so is what is no tensor in it. Every tensor is checked against the bytes of its storage;
// one that repeats its storage's elements may be of 16 MB at most. `what` names the file in messages. Throws
// Errc::kFormat and kData; Errc::kUnsupported for layouts before PyTorch 1.6, TorchScript, big-endian files,
// whole pickled modules, and tensors that are quantised, sparse or of number formats that safetensors lacks.
std::vector<TorchEntry> parse_torch_file(std::span<const std::byte> bytes, const std::string& what);

class TorchFile {
 public:
  static TorchFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return file_->path(); }
  const std::vector<TorchEntry>& entries() const noexcept { return entries_; }
  // A view of the mapped file; a copy in row-major order where the elements stand in another one.
  Tensor tensor(const TorchEntry& entry) const;

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<TorchEntry> entries_;
};

}  // namespace lyceum
