// NumPy's .npy: float32 rows, written as they come and taken up again after an interruption.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/file.h"
#include "tensor/tensor.h"

namespace lyceum {

struct NpyHeader {
  DType dtype = DType::kF32;
  Shape shape;
  std::size_t data_begin = 0;
};
// Versions 1 to 3, little-endian, C order. Throws Errc::kFormat; `what` names the file.
NpyHeader parse_npy(std::span<const std::byte> bytes, const std::string& what);
Tensor read_npy(const std::filesystem::path& path);
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

// Rows go to `PATH.part`; finish() writes the number of rows and renames. A process killed at any moment leaves whole rows that
// count and at most one that does not: with `resume`, the next writer goes on behind the last whole row.
class NpyRowWriter {
 public:
  // `identity` names what the rows are made with: resuming with another is Errc::kData. Two writers of one file: Errc::kIo.
  NpyRowWriter(std::filesystem::path path, std::int64_t width, bool resume, const std::string& identity);
  NpyRowWriter(const NpyRowWriter&) = delete;
  NpyRowWriter& operator=(const NpyRowWriter&) = delete;
  std::int64_t rows() const noexcept { return rows_; }  // complete so far
  void append(const float* rows, std::int64_t count);
  void flush();
  void finish();

 private:
  std::filesystem::path path_, part_;
  std::int64_t width_, rows_ = 0;
  Descriptor descriptor_;
};

}  // namespace lyceum
