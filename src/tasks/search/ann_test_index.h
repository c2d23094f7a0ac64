// What the tests of approximate search share: an encoder with many directions, and an index over made notes.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/random.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "tasks/search/ann_engine.h"
#include "tasks/search/search_index.h"

namespace lyceum {

// A text is the sum of its words, a word is a random direction.
class WordVectors final : public TextEncoder {
 public:
  static constexpr std::int64_t kWidth = 24;
  explicit WordVectors(bool normalized = true, std::string identity = "words-1")
      : normalized_(normalized), identity_(std::move(identity)) {
    tokenizer_ = Tokenizer::from_vocabulary("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n.\n", "test");
  }
  std::int64_t width() const override { return kWidth; }
  std::int64_t max_tokens() const override { return 64; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  bool is_normalized() const override { return normalized_; }
  std::string identity() const override { return identity_; }
  Tensor encode(std::span<const std::string> texts, TextRole) const override {
    Tensor out = Tensor::zeros({static_cast<std::int64_t>(texts.size()), kWidth});
    for (std::size_t i = 0; i < texts.size(); ++i) {
      float* row = out.mutable_row<float>(static_cast<std::int64_t>(i));
      std::uint64_t word = 0;
      for (const char c : texts[i] + " ") {
        if (c != ' ' && c != '.' && c != '\n') {
          word = (word ^ static_cast<unsigned char>(c)) * 0x100000001B3u + 1;
        } else if (word != 0) {
          Random random(word);
          for (std::int64_t d = 0; d < kWidth; ++d) row[d] += random.uniform(-1, 1);
          word = 0;
        }
      }
      float square = 0;
      for (std::int64_t d = 0; d < kWidth; ++d) square += row[d] * row[d];
      for (std::int64_t d = 0; d < kWidth && normalized_ && square > 0; ++d) row[d] /= std::sqrt(square);
    }
    return out;
  }

 private:
  bool normalized_;
  std::string identity_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

struct AnnIndex {
  check::TemporaryFolder t;
  WordVectors words;
  std::filesystem::path file = t / "x.index", notes = t / "notes";

  static std::string sentence(std::uint64_t number) {
    Random random(1000 + number);
    std::string text;
    for (int w = 0; w < 6; ++w) text += fmt::format("{}word{}", w ? " " : "", random.below(60));
    return text + ".";
  }
  // One passage each, in the order of their numbers.
  void write_notes(int begin, int end) const {
    for (int i = begin; i < end; ++i)
      check::write_file(notes / fmt::format("{:05}.md", i), sentence(static_cast<std::uint64_t>(i)));
  }
  SearchIndex writer() const { return SearchIndex::open_for_writing(file, words); }
  void update() const { writer().update(std::vector<std::filesystem::path>{notes}, words); }
  AnnBuilt build(const AnnSettings& settings) const {
    SearchIndex index = writer();
    index.set_approximate(settings);
    return index.build_approximate(words);
  }
  AnnBuilt build() const { return writer().build_approximate(words); }
  std::filesystem::path cache(AnnKind kind) const { return ann_cache_path(file, kind); }
};

inline bool operator==(const SearchHit& a, const SearchHit& b) {
  return a.score == b.score && a.file == b.file && a.line == b.line && a.text == b.text;
}
inline void PrintTo(const SearchHit& hit, std::ostream* out) {
  *out << hit.score << " " << std::filesystem::path(hit.file).filename();
}

}  // namespace lyceum
