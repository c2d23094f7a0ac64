// Pairs of segments for BERT's pre-training: the second one follows the first in its document, or is from
// another. Source: create_instances_from_document in create_pretraining_data.py of google-research/bert;
// Devlin et al. 2018, section 3.1 and appendix A.2.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/random.h"
#include "data/examples/example.h"
#include "data/examples/record_pipeline.h"
#include "data/examples/token_document.h"

namespace lyceum {

struct SentencePairOptions {
  std::int64_t max_tokens = 128;   // R max_seq_length, special tokens included
  double short_probability = 0.1;  // P, of a document whose pairs are short
  double random_next = 0.5;  // P; chunks of one sentence always get a random second one, so more are random
  // Of tokens of documents that are held together; with their pairs they take about four times that.
  std::uint64_t window_bytes = std::uint64_t{1} << 26;
  DocumentOptions document{.sentences = SentenceRule::kLines};
};

struct SentencePair {
  std::vector<std::int32_t> first, second;
  bool is_random = false;
  std::uint64_t second_document = 0;  // the index of the document that it is from
};

// The pairs of one document. All of `documents` have sentences, and there are two or more. room: tokens of a
// pair without special ones.
std::vector<SentencePair> sentence_pairs(std::span<const TokenDocument> documents, std::size_t index,
                                         std::size_t room, const SentencePairOptions& options,
                                         Random& random);

struct SentencePairCounts {
  std::uint64_t pairs = 0, random = 0, tokens = 0;
};

// Examples with types and next_sentence (0: the second follows, 1: it is random); no labels: see
// MaskedExamples. Documents are held in windows of window_bytes, and a random second segment is from a
// document of the same window. Each epoch has other pairs. Where records are shuffled, the pairs of a window
// are. DataPosition::piece counts the pairs of the window, which a seek makes again.
class SentencePairs final : public ExampleBuilder {
 public:
  // Throws Errc::kUsage where there is no room for two tokens, or the rule gives no sentences.
  SentencePairs(const ExampleInput& input, std::shared_ptr<const Tokenizer> tokenizer,
                const SentencePairOptions& options);
  // Throws Errc::kData for an epoch with fewer than two documents that have sentences.
  bool next(Example& example) override;
  DataPosition position() const override;
  void seek(const DataPosition& position) override;
  const DataCounts& counts() const override { return documents_.counts; }
  const SentencePairCounts& pairs() const noexcept { return pairs_; }

 private:
  using Documents = RecordPipeline<TokenDocument>;
  bool read_window();
  bool pull(Documents::Item& item);
  Example example_of(const SentencePair& pair, const Documents::Item& document, std::uint64_t piece) const;

  std::shared_ptr<const Tokenizer> tokenizer_;
  SentencePairOptions options_;
  std::uint64_t seed_;
  bool shuffles_;
  std::size_t room_ = 0;
  Documents documents_;
  std::vector<Documents::Item> waiting_;  // read, but of the next window: at most two
  std::vector<Example> window_;
  RecordPosition window_begin_, after_;  // of the window, and behind it
  std::size_t given_ = 0;
  std::uint64_t wanted_ = 0;  // of the window to come, after a seek
  bool is_at_end_ = false;    // of an epoch, behind the window
  SentencePairCounts pairs_;
};

}  // namespace lyceum
