#include "lyceum/text_tokenizer.h"

#include "api/find.h"
#include "base/error.h"
#include "text/tokenizer.h"
#include "text/training/train_tokenizer.h"

namespace lyceum {

TextTokenizer TextTokenizer::load(const std::string& model, const LoadOptions& options) {
  if (!options.dtype.empty())
    fail(Errc::kUsage, "tokenizer: found the dtype '{}', expected none: it has no weights", options.dtype);
  return TextTokenizer(Tokenizer::from_folder(find_model(model, options.pull)));
}

void TextTokenizer::learn(std::span<const std::string> files, const std::string& folder,
                          const VocabularyOptions& options) {
  TokenizerTraining training{.vocabulary_size = options.vocabulary_size,
                             .min_frequency = options.min_frequency,
                             .model_max_length = options.max_length,
                             .field = options.field};
  if (options.kind != "bpe" && options.kind != "wordpiece")
    fail(Errc::kUsage, "tokenizer: found the kind '{}', expected bpe or wordpiece", options.kind);
  training.kind = options.kind == "bpe" ? VocabularyKind::kBpe : VocabularyKind::kWordPiece;
  if (!options.around.empty()) {
    if (options.around != "bert" && options.around != "roberta" && options.around != "none")
      fail(Errc::kUsage, "tokenizer: found '{}' around a text, expected bert, roberta or none",
           options.around);
    training.around = options.around == "bert"      ? TextTemplate::kBert
                      : options.around == "roberta" ? TextTemplate::kRoberta
                                                    : TextTemplate::kNone;
  }
  const std::vector<std::filesystem::path> paths(files.begin(), files.end());
  save_tokenizer(train_tokenizer(paths, training), folder, true);
}

TokenizedText TextTokenizer::encode(std::string_view text, bool add_special) const {
  Encoding e = inside_->encode(text, {.add_special = add_special, .with_offsets = true});
  TokenizedText out{std::move(e.ids), std::move(e.type_ids), {}};
  for (const TokenSpan& span : e.offsets) out.offsets.emplace_back(span.begin, span.end);
  return out;
}

std::string TextTokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  return inside_->decode(ids, skip_special);
}
std::int64_t TextTokenizer::size() const { return inside_->size(); }

std::string TextTokenizer::token(std::int32_t id) const {
  const std::string* text = inside_->token(id);
  if (text == nullptr)
    fail(Errc::kData, "token: found the id {}, expected one of the vocabulary's {}", id, inside_->size());
  return *text;
}

}  // namespace lyceum
