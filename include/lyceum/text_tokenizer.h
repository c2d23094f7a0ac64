// From text to ids and back, as the model's published tokenizer does it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lyceum/load_options.h"

namespace lyceum {

class Tokenizer;  // of the library's inside

struct TokenizedText {
  std::vector<std::int32_t> ids, type_ids;
  std::vector<std::pair<std::uint32_t, std::uint32_t>>
      offsets;  // bytes of the text, [begin, end); {0, 0} for added tokens
};

// Cheap to copy, safe to use from several threads at once.
class TextTokenizer {
 public:
  // A model as EmbeddingModel::load takes it; a folder without weights is enough. Throws Errc::kUsage for
  // options.dtype.
  static TextTokenizer load(const std::string& model, const LoadOptions& options = {});

  TokenizedText encode(std::string_view text, bool add_special = true) const;
  std::string decode(std::span<const std::int32_t> ids,
                     bool skip_special = true) const;  // Errc::kData for unknown ids
  std::int64_t size() const;                           // 1 + the largest id
  std::string token(std::int32_t id) const;            // Errc::kData for an unknown id

 private:
  explicit TextTokenizer(std::shared_ptr<const Tokenizer> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const Tokenizer> inside_;
};

}  // namespace lyceum
