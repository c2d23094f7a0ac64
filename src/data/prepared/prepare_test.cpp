#include "data/prepared/prepare.h"

#include <gtest/gtest.h>

#include "base/interrupt.h"
#include "check/expect_error.h"
#include "data/examples/example_test_data.h"
#include "data/examples/record_examples.h"
#include "data/examples/sentence_blocks.h"

namespace lyceum {
namespace {

using namespace test_data;
using check::expect_error;

class Prepare : public testing::Test {
 protected:
  // Documents of sentences, one a line.
  ExampleInput corpus(int documents) const {
    std::string text;
    for (int d = 0; d < documents; ++d) {
      for (int s = 0; s < 4 + d % 5; ++s) text += words(d, 3 + (d + s) % 7) + "\n";
      text += "\n";
    }
    check::write_file(folder_ / "a.txt", text);
    return input_of({(folder_ / "a.txt").string()}, {.separator = "\n\n"}, true);
  }
  PrepareOptions output() const { return {.output = folder_ / "a.tokens"}; }
  ExampleInput prepared(bool shuffle) const {
    return input_of({(folder_ / "a.tokens").string()}, {}, shuffle);
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = word_tokenizer();
  check::TemporaryFolder folder_;
};

TEST_F(Prepare, BlocksAndPairsOfACacheAreThoseOfTheText) {
  const ExampleInput text = corpus(30);
  const DocumentOptions document{.sentences = SentenceRule::kLines};
  const PrepareReport report = prepare_documents(text, tokenizer_, document, output());
  EXPECT_EQ(report.documents, 30u);
  EXPECT_EQ(report.counts.records, 30u);
  EXPECT_EQ(report.sentences, 180u);
  const auto cache = TokenCache::open(folder_ / "a.tokens");
  EXPECT_EQ(cache->tokens(), report.tokens);
  const auto same = [&](auto& one, auto& two) {
    for (int epoch = 0; epoch < 2; ++epoch) {
      const std::vector<Example> first = epoch_of(one), second = epoch_of(two);
      ASSERT_EQ(first.size(), second.size());
      for (std::size_t i = 0; i < first.size(); ++i) {
        EXPECT_EQ(first[i].ids, second[i].ids);
        EXPECT_EQ(first[i].next_sentence, second[i].next_sentence);
      }
    }
  };
  SentenceBlocks blocks_of_text(text, tokenizer_, {.max_tokens = 20}),
      blocks_of_cache(prepared(true), tokenizer_, {.max_tokens = 20});
  same(blocks_of_text, blocks_of_cache);
  SentencePairs pairs_of_text(text, tokenizer_, {.max_tokens = 20}),
      pairs_of_cache(prepared(true), tokenizer_, {.max_tokens = 20});
  same(pairs_of_text, pairs_of_cache);
  expect_error(Errc::kData, "found tokens made with sentences lines", [&] {
    SentenceBlocks(prepared(true), tokenizer_, {.document = {.sentences = SentenceRule::kMarks}});
  });
  expect_error(Errc::kUsage, "which is a token cache already",
               [&] { prepare_documents(prepared(false), tokenizer_, document, output()); });
}

TEST_F(Prepare, StaticExamplesAreThoseThatWereMade) {
  const ExampleInput text = corpus(40);
  const SentencePairOptions pairs{.max_tokens = 32};
  const MaskingOptions masking{.max_predictions = 20, .seed = 3};
  const PrepareReport report = prepare_sentence_pairs(text, tokenizer_, pairs, masking, 3, output());
  ExampleInput three = text;
  three.epochs = 3;
  MaskedExamples made(std::make_unique<SentencePairs>(three, tokenizer_, pairs), *tokenizer_, masking);
  RecordExamples stored(prepared(false), ready_examples(tokenizer_->size()));
  const std::vector<Example> found = epoch_of(stored);
  std::size_t at = 0;
  for (int copy = 0; copy < 3; ++copy)
    for (const Example& e : epoch_of(made)) {
      const Example& f = found.at(at++);
      EXPECT_EQ(f.ids, e.ids);
      EXPECT_EQ(f.types, e.types);
      EXPECT_EQ(f.labels, e.labels);
      EXPECT_TRUE(f.has_token_labels);
      EXPECT_EQ(f.next_sentence, e.next_sentence);
    }
  EXPECT_EQ(at, found.size());
  EXPECT_EQ(report.documents, at);
  EXPECT_EQ(report.pairs.pairs, at);
  EXPECT_GT(report.pairs.random * 2, report.pairs.pairs);
  EXPECT_EQ(report.masking.examples, at);
  EXPECT_EQ(report.masking.masked + report.masking.random + report.masking.kept, report.masking.predicted);
  expect_error(Errc::kData, "found examples (sentence pairs; max_tokens 32",
               [&] { SentenceBlocks(prepared(true), tokenizer_, {}); });
}

TEST_F(Prepare, AnInterruptedOrEmptyPreparationLeavesNothing) {
  const ExampleInput text = corpus(10);
  request_interrupt();
  EXPECT_THROW(prepare_documents(text, tokenizer_, {}, output()), Error);
  EXPECT_THROW(prepare_sentence_pairs(text, tokenizer_, {}, {}, 1, output()), Error);
  clear_interrupt();
  expect_error(Errc::kUsage, "0 copies",
               [&] { prepare_sentence_pairs(text, tokenizer_, {}, {}, 0, output()); });
  check::write_file(folder_ / "e.jsonl", "{\"text\":\"\"}\n");
  expect_error(Errc::kData, "found no tokens in", [&] {
    prepare_documents(input_of({(folder_ / "e.jsonl").string()}, {}, false), tokenizer_, {}, output());
  });
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_.path())) ++files;
  EXPECT_EQ(files, 2u);  // the texts
}

}  // namespace
}  // namespace lyceum
