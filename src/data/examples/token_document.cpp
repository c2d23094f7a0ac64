#include "data/examples/token_document.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "data/token_cache/token_cache.h"

namespace lyceum {
namespace {

TokenDocument document_with_ids(const RecordFields& record, const Tokenizer& tokenizer, bool with_sentences) {
  TokenDocument out;
  out.ids = record.token_ids("input_ids", tokenizer.size());
  if (!with_sentences || out.ids.empty()) return out;
  if (!record.has("sentences"))
    record.wrong("sentences",
                 "the token at which each sentence begins. Fix: prepare the cache with sentences");
  const auto most = static_cast<std::int64_t>(out.ids.size()) - 1;
  for (const std::int64_t begin : record.integers("sentences", 0, most))
    out.sentences.push_back(static_cast<std::uint32_t>(begin));
  if (out.sentences.empty() || out.sentences[0] != 0 ||
      std::adjacent_find(out.sentences.begin(), out.sentences.end(), std::greater_equal<>()) !=
          out.sentences.end())
    record.wrong("sentences", "rising places from 0");
  return out;
}

}  // namespace

TokenDocument token_document(const RecordFields& record, const Tokenizer& tokenizer,
                             const DocumentOptions& options) {
  const bool with_sentences = options.sentences != SentenceRule::kNone;
  if (record.has("input_ids")) return document_with_ids(record, tokenizer, with_sentences);
  const std::string& text = record.text(options.field);
  EncodeOptions encode{.add_special = false, .parse_special = options.parse_special};
  TokenDocument out;
  if (options.sentences == SentenceRule::kLines) {
    for (const auto& [begin, end] : sentence_spans(text, SentenceRule::kLines)) {
      const Encoding e = tokenizer.encode(std::string_view(text).substr(begin, end - begin), encode);
      if (e.ids.empty()) continue;
      out.sentences.push_back(static_cast<std::uint32_t>(out.ids.size()));
      out.ids.insert(out.ids.end(), e.ids.begin(), e.ids.end());
    }
  } else {
    encode.with_offsets = with_sentences;
    Encoding e = tokenizer.encode(text, encode);
    std::size_t token = 0;
    if (with_sentences)
      for (const auto& [begin, end] : sentence_spans(text, options.sentences)) {
        while (token < e.ids.size() && e.offsets[token].end <= begin) ++token;
        const std::size_t first = out.sentences.empty() ? 0 : token;
        if (token == e.ids.size() || (!out.sentences.empty() && out.sentences.back() == first)) continue;
        out.sentences.push_back(static_cast<std::uint32_t>(first));
      }
    out.ids = std::move(e.ids);
  }
  if (out.ids.size() > std::numeric_limits<std::uint32_t>::max())
    fail(Errc::kLimit, "{}: found a document of {} tokens, expected fewer than 2^32", record.where(),
         out.ids.size());
  return out;
}

std::string document_settings(const DocumentOptions& options) {
  constexpr const char* kRules[] = {"none", "lines", "marks"};
  return fmt::format("sentences {}, special tokens in texts {}", kRules[static_cast<int>(options.sentences)],
                     options.parse_special);
}

void expect_documents(const RecordFiles& files, const Tokenizer& tokenizer, const DocumentOptions& options) {
  for (const auto& cache : files.caches()) {
    if (cache->header().kind != CacheKind::kDocuments)
      fail(Errc::kData, "{}: found examples ({}), expected documents", cache->path().string(),
           cache->header().settings);
    cache->expect_tokenizer(tokenizer);
    cache->expect_settings(document_settings(options));
  }
}

}  // namespace lyceum
