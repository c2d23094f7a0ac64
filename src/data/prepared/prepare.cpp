#include "data/prepared/prepare.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"

namespace lyceum {
namespace {

constexpr std::uint64_t kProgressRecords = 256;

void expect_no_caches(const RecordFiles& files) {
  if (const auto caches = files.caches(); !caches.empty())
    fail(Errc::kUsage, "prepare: found {}, which is a token cache already, expected texts",
         caches[0]->path().string());
}

CacheHeader header_of(const Tokenizer& tokenizer, CacheKind kind, std::string settings) {
  return {.kind = kind,
          .tokenizer = tokenizer_digest(tokenizer),
          .vocabulary = tokenizer.size(),
          .settings = std::move(settings)};
}

std::string settings_of(const SentencePairOptions& p, const MaskingOptions& m, std::uint64_t copies,
                        std::uint64_t seed) {
  constexpr const char* kRules[] = {"google", "fairseq", "bernoulli"};
  return fmt::format(
      "sentence pairs; max_tokens {}, short {}, random {}; {}; masking {}: share {}, masked {}, random {}, "
      "max_predictions {}, whole words {}, special tokens {}; copies {}, seed {}",
      p.max_tokens, p.short_probability, p.random_next, document_settings(p.document),
      kRules[static_cast<int>(m.count)], m.share, m.masked, m.random, m.max_predictions, m.whole_words,
      m.special_tokens, copies, seed);
}

// What a cache keeps of an example with masks.
CachedExample cached(const Example& example) {
  CachedExample out{.ids = example.ids, .next_sentence = example.next_sentence};
  const auto second = std::find(example.types.begin(), example.types.end(), 1);
  out.second = example.types.empty() ? example.tokens() : second - example.types.begin();
  for (std::size_t i = 0; i < example.labels.size(); ++i)
    if (example.labels[i] != kIgnoredLabel)
      out.masked.emplace_back(static_cast<std::int32_t>(i), static_cast<std::int32_t>(example.labels[i]));
  return out;
}

}  // namespace

PrepareReport prepare_documents(const ExampleInput& input, const std::shared_ptr<const Tokenizer>& tokenizer,
                                const DocumentOptions& document, const PrepareOptions& options) {
  expect_no_caches(*input.files);
  ExampleInput once = input;
  once.order = {.shuffle = false};
  once.epochs = 1;
  RecordPipeline<TokenDocument> documents(once, [&](const RecordFields& record, TokenDocument& out) {
    out = token_document(record, *tokenizer, document);
  });
  TokenCacheWriter writer(options.output,
                          header_of(*tokenizer, CacheKind::kDocuments, document_settings(document)));
  PrepareReport report;
  for (RecordPipeline<TokenDocument>::Item item; documents.next(item) && !item.ends_epoch;) {
    check_interrupt();
    if (options.progress && documents.counts.records % kProgressRecords == 0)
      options.progress(documents.counts.records, writer.tokens());
    if (item.out.ids.empty()) continue;
    writer.add(item.out.ids, item.out.sentences);
    report.sentences += item.out.sentences.size();
  }
  if (writer.documents() == 0)
    fail(Errc::kData, "prepare: found no tokens in {}, expected a document that has some",
         input.files->names());
  report.documents = writer.documents();
  report.tokens = writer.tokens();
  report.counts = documents.counts;
  writer.finish();
  return report;
}

PrepareReport prepare_sentence_pairs(const ExampleInput& input,
                                     const std::shared_ptr<const Tokenizer>& tokenizer,
                                     const SentencePairOptions& pairs, const MaskingOptions& masking,
                                     std::uint64_t copies, const PrepareOptions& options) {
  expect_no_caches(*input.files);
  if (copies == 0) fail(Errc::kUsage, "prepare: found 0 copies, expected 1 or more");
  ExampleInput several = input;
  several.epochs = copies;
  auto inner = std::make_unique<SentencePairs>(several, tokenizer, pairs);
  const SentencePairs& made = *inner;
  MaskedExamples examples(std::move(inner), *tokenizer, masking);
  TokenCacheWriter writer(options.output, header_of(*tokenizer, CacheKind::kExamples,
                                                    settings_of(pairs, masking, copies, input.order.seed)));
  for (std::uint64_t copy = 0; copy < copies; ++copy)
    for (Example example; examples.next(example);) {
      check_interrupt();
      if (options.progress && writer.documents() % kProgressRecords == 0)
        options.progress(examples.counts().records, made.pairs().tokens);
      writer.add(cached(example));
    }
  PrepareReport report{.counts = examples.counts(),
                       .documents = writer.documents(),
                       .tokens = made.pairs().tokens,
                       .pairs = made.pairs(),
                       .masking = examples.masking()};
  writer.finish();
  return report;
}

}  // namespace lyceum
