// The texts that a vocabulary is learned from, some at a time: read by one thread after another, taken apart
// by all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "formats/data_file.h"

namespace lyceum {

struct TextBlock {
  enum class Form {
    kLines,      // each line with its end is a text
    kJsonLines,  // each line is an object with a field that is a text
    kTexts       // `ends` says where each text ends
  };
  Form form = Form::kLines;
  std::string bytes;
  std::vector<std::size_t> ends;
  std::string file;  // for messages
  std::int64_t first_line = 1;

  // use(text) for each text, of valid UTF-8. Replaces invalid bytes by U+FFFD and returns how many it put.
  // Throws Errc::kFormat and Errc::kData, with the file's line, for a line that is no object with that field.
  std::uint64_t for_each_text(const std::string& field, FunctionRef<void(std::string_view)> use);
};

// Files of lines: plain, zstd or gzip; .jsonl by its name, .jsonl.zst too.
class TextFiles {
 public:
  // Throws Errc::kIo for a file that is not there, before anything is read.
  explicit TextFiles(std::vector<std::filesystem::path> files);
  // Throws as DataLines does.
  bool next(TextBlock& block);

 private:
  std::vector<std::filesystem::path> files_;
  std::size_t index_ = 0;  // of the file that is read next
  std::unique_ptr<DataLines> lines_;
};

}  // namespace lyceum
