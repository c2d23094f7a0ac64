// Special tokens around one text or two, as a template says. BERT's own processor is a template too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lyceum {

struct TemplatePiece {
  int sequence = -1;              // 0: the first text, 1: the second; -1: special tokens
  std::vector<std::int32_t> ids;  // of the special tokens
  std::int32_t type_id = 0;
  bool operator==(const TemplatePiece&) const = default;
};

struct PostProcessor {
  std::vector<TemplatePiece> single{{.sequence = 0}}, pair{{.sequence = 0}, {.sequence = 1, .type_id = 1}};
  bool operator==(const PostProcessor&) const = default;
  std::int64_t added(bool is_pair) const noexcept {
    std::int64_t count = 0;
    for (const TemplatePiece& piece : is_pair ? pair : single)
      count += static_cast<std::int64_t>(piece.ids.size());
    return count;
  }
};

}  // namespace lyceum
