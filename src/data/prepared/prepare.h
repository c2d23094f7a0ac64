// From files to token caches.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/examples/masking.h"
#include "data/examples/record_pipeline.h"
#include "data/examples/sentence_pairs.h"
#include "data/examples/token_document.h"
#include "data/token_cache/token_cache.h"

namespace lyceum {

struct PrepareOptions {
  std::filesystem::path output;
  // Called now and then; what it throws ends the work, and nothing is written.
  std::function<void(std::uint64_t records, std::uint64_t tokens)> progress;
};

struct PrepareReport {
  DataCounts counts;
  std::uint64_t documents = 0, tokens = 0, sentences = 0;  // documents: or examples; empty ones are left out
  SentencePairCounts pairs;
  MaskingCounts masking;
};

// The documents in the order in which they lie. input.order and input.epochs do not count. Throws what
// reading throws, kInterrupted between two records, and Errc::kUsage for input that is a cache already.
PrepareReport prepare_documents(const ExampleInput& input, const std::shared_ptr<const Tokenizer>& tokenizer,
                                const DocumentOptions& document, const PrepareOptions& options);

// BERT's static examples, as create_pretraining_data.py makes them: `copies` times over the documents in a
// shuffled order (input.order), each time with other pairs and masks. Throws likewise.
PrepareReport prepare_sentence_pairs(const ExampleInput& input,
                                     const std::shared_ptr<const Tokenizer>& tokenizer,
                                     const SentencePairOptions& pairs, const MaskingOptions& masking,
                                     std::uint64_t copies, const PrepareOptions& options);

}  // namespace lyceum
