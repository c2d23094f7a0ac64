// Masked language modelling: some tokens are hidden, and their ids are the labels.
// Sources: Devlin et al. 2018, section 3.1, and create_pretraining_data.py of google-research/bert (R
// google); Liu et al. 2019, section 4.1, and fairseq/data/mask_tokens_dataset.py (R fairseq);
// DataCollatorForLanguageModeling of transformers (R HF).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/examples/example.h"
#include "text/tokenizer.h"

namespace lyceum {

enum class MaskCount {
  kGoogle,     // min(max_predictions, max(1, round(share * n))), n: all tokens, halves to even (R google)
  kFairseq,    // floor(share * n + u), u uniform in [0, 1), n: what may be chosen, words where they are whole
               // (R fairseq)
  kBernoulli,  // every candidate by itself (R HF); their number varies
};

struct MaskingOptions {
  MaskCount count = MaskCount::kGoogle;
  double share = 0.15;                // P, of the tokens that are predicted
  double masked = 0.8, random = 0.1;  // P, of those: become [MASK], become a random token; the rest stays
  std::int64_t max_predictions = 0;   // kGoogle; 0: no limit
  bool whole_words = false;           // all pieces of a word, or none
  bool special_tokens = false;        // they may be predicted (R fairseq: yes; R google, R HF: no)
  bool random_special = true;         // a random token may be a special one (R fairseq: no)
  // 0: a new mask in every epoch (dynamic). N: N copies, which take turns from epoch to epoch (static; R
  // google: dupe_factor 10).
  std::uint64_t copies = 0;
  std::uint64_t seed = 0;
};

struct MaskingCounts {
  std::uint64_t examples = 0, tokens = 0, candidates = 0, predicted = 0;
  std::uint64_t masked = 0, random = 0, kept = 0;  // of those predicted
};

// What masking needs to know of a vocabulary.
class MaskVocabulary {
 public:
  // Throws Errc::kUnsupported for a tokenizer without a mask token ([MASK] or <mask>).
  explicit MaskVocabulary(const Tokenizer& tokenizer);
  std::int32_t mask() const noexcept { return mask_; }
  std::int64_t size() const noexcept { return static_cast<std::int64_t>(kinds_.size()); }
  bool is_special(std::int32_t id) const { return kinds_[static_cast<std::size_t>(id)] == Kind::kSpecial; }
  // Not a piece that goes on with a word: by its "##", or where pieces of words have no mark, by the missing
  // space before it (R fairseq).
  bool begins_word(std::int32_t id) const { return kinds_[static_cast<std::size_t>(id)] == Kind::kBegins; }
  // Ids that a random token is drawn from.
  const std::vector<std::int32_t>& tokens(bool with_special) const { return with_special ? all_ : plain_; }

 private:
  enum class Kind : std::uint8_t { kSpecial, kBegins, kContinues };
  std::int32_t mask_ = 0;
  std::vector<Kind> kinds_;                // by id
  std::vector<std::int32_t> all_, plain_;  // all_: ids that are in use
};

// Hides tokens of the example; its labels become the ids that stood there, and kIgnoredLabel elsewhere. What
// is chosen depends on (options.seed, epoch or copy, example.id) and the tokens, nothing else.
void mask_tokens(Example& example, const MaskVocabulary& vocabulary, const MaskingOptions& options,
                 MaskingCounts& counts);

// A stream of examples with masks; those that have labels of their tokens already are left as they are.
class MaskedExamples final : public ExampleBuilder {
 public:
  // Throws Errc::kUsage for shares outside of [0, 1].
  MaskedExamples(std::unique_ptr<ExampleBuilder> inner, const Tokenizer& tokenizer,
                 const MaskingOptions& options);
  bool next(Example& example) override;
  DataPosition position() const override { return inner_->position(); }
  void seek(const DataPosition& position) override { inner_->seek(position); }
  const DataCounts& counts() const override { return inner_->counts(); }
  const MaskingCounts& masking() const noexcept { return counts_; }

 private:
  std::unique_ptr<ExampleBuilder> inner_;
  MaskVocabulary vocabulary_;
  MaskingOptions options_;
  MaskingCounts counts_;
};

}  // namespace lyceum
