#include "data/token_cache/token_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "data/examples/causal_blocks.h"
#include "data/examples/example_test_data.h"

namespace lyceum {
namespace {

using namespace test_data;
using check::expect_error;
using Ids = std::vector<std::int32_t>;

class Cache : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_ / "a.tokens"; }
  std::string bytes() const {
    std::ifstream file(path(), std::ios::binary);
    std::stringstream out;
    out << file.rdbuf();
    return out.str();
  }
  void write(const std::vector<Ids>& documents, std::int64_t vocabulary = 1000) const {
    TokenCacheWriter writer(path(), {.vocabulary = vocabulary, .settings = "how"});
    for (const Ids& ids : documents) writer.add(ids);
    writer.finish();
  }
  check::TemporaryFolder folder_;
};

const Ids& ids_of(const std::map<std::string, RecordValue>& fields) {
  return std::get<Ids>(fields.at("input_ids"));
}

TEST_F(Cache, GivesBackWhatWasWrittenInBothWidths) {
  for (const std::int64_t vocabulary : {65536, 65537}) {
    const std::vector<Ids> documents{{0, 65535, 7}, {}, {1}};
    write(documents, vocabulary);
    const auto cache = TokenCache::open(path());
    EXPECT_EQ(cache->documents(), 3u);
    EXPECT_EQ(cache->tokens(), 4u);
    EXPECT_EQ(cache->header().settings, "how");
    for (std::uint64_t d = 0; d < 3; ++d) EXPECT_EQ(ids_of(cache->fields(d)), documents[d]);
    EXPECT_EQ(bytes().size(), 96 + 8 + (vocabulary == 65536 ? 8 : 16) + 2 * 4 * 8u);
  }
}

TEST_F(Cache, SentencesAndExamplesComeBack) {
  {
    TokenCacheWriter writer(path(), {.vocabulary = 9});
    writer.add(Ids{1, 2, 3}, std::vector<std::uint32_t>{0, 2});
    writer.add(Ids{4});
    writer.finish();
  }
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(TokenCache::open(path())->fields(0).at("sentences")),
            (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(TokenCache::open(path())->fields(1).count("sentences"), 0u);
  const Ids ids{2, 5, 4, 3, 6, 3};
  TokenCacheWriter writer(path(), {.kind = CacheKind::kExamples, .vocabulary = 9});
  writer.add({.ids = ids, .second = 4, .next_sentence = 1, .masked = {{2, 8}}});
  writer.add({.ids = ids, .second = 6});
  writer.finish();
  const auto cache = TokenCache::open(path());
  const auto first = cache->fields(0), second = cache->fields(1);
  EXPECT_EQ(ids_of(first), ids);
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(first.at("token_type_ids")),
            (std::vector<std::int64_t>{0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(first.at("labels")),
            (std::vector<std::int64_t>{-100, -100, 8, -100, -100, -100}));
  EXPECT_EQ(std::get<std::int64_t>(first.at("next_sentence_label")), 1);
  EXPECT_EQ(second.count("next_sentence_label"), 0u);
}

TEST_F(Cache, ItAppearsWholeOrNotAtAll) {
  {
    TokenCacheWriter writer(path(), {.vocabulary = 9});
    writer.add(Ids{1, 2, 3});
    expect_error(Errc::kData, "found the id 9, expected 0 to 8", [&] { writer.add(Ids{9}); });
    expect_error(Errc::kData, "found the id -1", [&] { writer.add(Ids{-1}); });
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(Cache, EveryCutIsRefused) {
  write({{1, 2, 3}, {4, 5}});
  const std::string whole = bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    check::write_file(path(), whole.substr(0, size));
    EXPECT_THROW(TokenCache::open(path()), Error) << size;
  }
  check::write_file(path(), whole + "x");
  expect_error(Errc::kFormat, "cut short", [&] { TokenCache::open(path()); });
}

TEST_F(Cache, EveryChangedByteGivesAValueOrAnError) {
  TokenCacheWriter writer(path(), {.kind = CacheKind::kExamples, .vocabulary = 9, .settings = "how"});
  writer.add({.ids = Ids{2, 5, 4, 3}, .second = 4, .next_sentence = 0, .masked = {{2, 8}}});
  writer.add({.ids = Ids{2, 3}, .second = 1});
  writer.finish();
  const std::string whole = bytes();
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int change : {1, 2, 0x40, 0x80, 0xFF}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      check::write_file(path(), damaged);
      try {
        const auto cache = TokenCache::open(path());
        for (std::uint64_t d = 0; d < cache->documents(); ++d) cache->fields(d);
      } catch (const Error& error) {
        ++refused;
        EXPECT_NE(error.code(), Errc::kInternal);
      }
    }
  EXPECT_GT(refused, 300);
}

TEST_F(Cache, AnotherVersionTokenizerOrSettingIsRefusedWithASentence) {
  const auto tokenizer = word_tokenizer(), other = word_tokenizer(99);
  EXPECT_EQ(tokenizer_digest(*tokenizer), tokenizer_digest(*word_tokenizer()));
  TokenCacheWriter writer(path(),
                          {.tokenizer = tokenizer_digest(*tokenizer), .vocabulary = 9, .settings = "how"});
  writer.add(Ids{1});
  writer.finish();
  const auto cache = TokenCache::open(path());
  cache->expect_tokenizer(*tokenizer);
  cache->expect_settings("how");
  expect_error(Errc::kData, "tokens of another tokenizer (how)", [&] { cache->expect_tokenizer(*other); });
  expect_error(Errc::kData, "found tokens made with how, expected so", [&] { cache->expect_settings("so"); });
  std::string newer = bytes();
  newer[8] = 2;
  check::write_file(path(), newer);
  expect_error(Errc::kUnsupported, "found version 2 of the token cache, expected 1",
               [&] { TokenCache::open(path()); });
  check::write_file(path(), "plain text");
  expect_error(Errc::kFormat, "found no token cache", [&] { TokenCache::open(path()); });
}

TEST_F(Cache, BlocksAreThoseOfTheText) {
  const auto tokenizer = word_tokenizer();
  std::string text;
  TokenCacheWriter writer(path(), {.tokenizer = tokenizer_digest(*tokenizer),
                                   .vocabulary = tokenizer->size(),
                                   .settings = document_settings({})});
  for (int d = 0; d < 30; ++d) {
    const std::string line = words(d, 1 + d * 7 % 13);
    writer.add(tokenizer->encode(line, {.add_special = false}).ids);
    text += line + "\n";
  }
  writer.finish();
  check::write_file(folder_ / "a.txt", text);
  // shuffled: the order is the same as long as all records fit
  for (const bool shuffle : {false, true}) {
    CausalBlocks of_text(input_of({(folder_ / "a.txt").string()}, {.separator = "\n"}, shuffle), tokenizer,
                         {.context_tokens = 5}),
        of_cache(input_of({path().string()}, {}, shuffle), tokenizer, {.context_tokens = 5});
    for (int e = 0; e < 2; ++e) {
      const std::vector<Example> one = epoch_of(of_text), two = epoch_of(of_cache);
      ASSERT_EQ(one.size(), two.size());
      for (std::size_t i = 0; i < one.size(); ++i) {
        EXPECT_EQ(one[i].ids, two[i].ids);
        EXPECT_EQ(one[i].labels, two[i].labels);
        EXPECT_EQ(one[i].id, two[i].id);
      }
    }
  }
  expect_promises([&](const AheadOptions& ahead) {
    ExampleInput input = input_of({path().string()}, {}, true);
    input.ahead = ahead;
    return std::make_unique<CausalBlocks>(input, tokenizer, CausalOptions{.context_tokens = 5});
  });
}

}  // namespace
}  // namespace lyceum
