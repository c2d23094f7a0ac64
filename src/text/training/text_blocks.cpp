#include "text/training/text_blocks.h"

#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"

namespace lyceum {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
// A document may be one line; of the total, as much as a disk holds.
constexpr DataLimits kLimits = {.line_bytes = std::uint64_t{1} << 30, .total_bytes = std::uint64_t{1} << 44};

}  // namespace

std::uint64_t TextBlock::for_each_text(const std::string& field, FunctionRef<void(std::string_view)> use) {
  const std::string_view before = bytes;
  if (form == Form::kTexts) {
    std::uint64_t repaired = 0;
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      const std::string_view text = before.substr(begin, end - begin);
      if (is_utf8(text)) {
        use(text);
      } else {
        std::string valid(text);
        repaired += repair_utf8(valid);
        use(valid);
      }
      begin = end;
    }
    return repaired;
  }
  const std::uint64_t repaired = repair_utf8(bytes);  // an end of line ends an invalid sequence too
  std::int64_t number = first_line;
  for (std::size_t begin = 0; begin < bytes.size(); ++number) {
    const std::size_t end = std::min(bytes.find('\n', begin), bytes.size() - 1) + 1;
    const std::string_view line = std::string_view(bytes).substr(begin, end - begin);
    begin = end;
    if (form == Form::kLines) {
      use(line);
    } else if (line.find_first_not_of(" \t\r\n") != line.npos) {
      const std::string where = fmt::format("{}: line {}", file, number);
      const Json object = parse_json(line, where);
      use(JsonFields(object, where).text(field));
    }
  }
  return repaired;
}

TextFiles::TextFiles(std::vector<std::filesystem::path> files) : files_(std::move(files)) {
  for (const std::filesystem::path& file : files_) MappedFile::open(file);
}

bool TextFiles::next(TextBlock& block) {
  for (;; lines_.reset()) {
    if (lines_ == nullptr) {
      if (index_ == files_.size()) return false;
      lines_ = std::make_unique<DataLines>(files_[index_++], kLimits);
    }
    const std::filesystem::path& path = files_[index_ - 1];
    block.first_line = lines_->number() + 1;
    if (!lines_->next_block(block.bytes, kBlockBytes)) continue;
    block.file = path.string();
    block.form = without_compression(block.file).ends_with(".jsonl") ? TextBlock::Form::kJsonLines
                                                                     : TextBlock::Form::kLines;
    return true;
  }
}

}  // namespace lyceum
