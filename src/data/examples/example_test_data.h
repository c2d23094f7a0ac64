// What the tests of examples and batches share: a tokenizer whose tokens are numbers, files of them, and the
// promises that every builder keeps.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "check/temporary_folder.h"
#include "data/examples/example.h"
#include "data/examples/record_pipeline.h"
#include "text/tokenizer.h"

namespace lyceum::test_data {

constexpr std::int32_t kPad = 0, kUnknown = 1, kCls = 2, kSep = 3, kMask = 4, kFirstWord = 5;

// [CLS] A [SEP], [CLS] A [SEP] B [SEP]. The text "w17" is the token kFirstWord + 17; "x17" is no word of the
// vocabulary, and its piece "##17" follows "x": words of two tokens.
inline std::shared_ptr<const Tokenizer> word_tokenizer(int words = 100) {
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (int w = 0; w < words; ++w) vocabulary += "w" + std::to_string(w) + "\n";
  vocabulary += "x\n.\n";
  for (int w = 0; w < words; ++w) vocabulary += "##" + std::to_string(w) + "\n";
  return Tokenizer::from_vocabulary(vocabulary, "test");
}

// "w5 w6 w7": `count` words from `first` on, modulo 100.
inline std::string words(int first, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += (i > 0 ? " w" : "w") + std::to_string((first + i) % 100);
  return out;
}

inline ExampleInput input_of(const std::vector<std::string>& files, const RecordOptions& records,
                             bool shuffle, std::uint64_t seed = 1) {
  return {.files = std::make_shared<RecordFiles>(files, records),
          .order = {.shuffle = shuffle, .seed = seed}};
}

using MakeBuilder = std::function<std::unique_ptr<ExampleBuilder>(const AheadOptions& ahead)>;

struct Step {
  bool is_there = false;
  Example example;
  DataPosition before;
  bool operator==(const Step&) const = default;
};

inline std::vector<Step> steps_of(ExampleBuilder& builder, std::size_t count) {
  std::vector<Step> out(count);
  for (Step& step : out) {
    step.before = builder.position();
    step.is_there = builder.next(step.example);
    if (!step.is_there) step.example = Example{};
  }
  return out;
}

// One epoch's examples.
inline std::vector<Example> epoch_of(ExampleBuilder& builder) {
  std::vector<Example> out;
  for (Example example; builder.next(example);) out.push_back(example);
  return out;
}

// A seek to any of 50 positions is continuing from there, within and across three epochs; and any number of
// threads gives the same examples at the same positions.
inline void expect_promises(const MakeBuilder& make) {
  std::size_t steps = 0;
  {
    const auto builder = make({});
    Example example;
    for (int epochs = 0; epochs < 3; ++steps) epochs += !builder->next(example);
  }
  const std::vector<Step> all = steps_of(*make({}), steps + 5);
  for (const int threads : {1, 2, 4})
    ASSERT_TRUE(steps_of(*make({.threads = threads, .items = 3}), steps + 5) == all) << threads << " threads";
  Random random(11);
  const auto jumping = make({.threads = 2});
  for (int trial = 0; trial < 50; ++trial) {
    const std::size_t at = random.below(static_cast<std::uint32_t>(steps));
    const auto fresh = make({});
    for (ExampleBuilder* builder : {fresh.get(), jumping.get()}) {
      builder->seek(all[at].before);
      ASSERT_EQ(builder->position(), all[at].before) << at;
      const std::size_t count = std::min<std::size_t>(all.size() - at, 20);
      const std::vector<Step> found = steps_of(*builder, count);
      for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(found[i] == all[at + i]) << at << " + " << i;
    }
  }
}

}  // namespace lyceum::test_data
