// What holds for every class of the installed interface: how it is loaded, and how many threads it takes.
#include <gtest/gtest.h>

#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "lyceum/lyceum.h"

namespace lyceum {
namespace {

using check::expect_error;

std::string golden(const std::string& verb) {
  return LYCEUM_SOURCE_DIR "/src/tasks/" + verb + "/golden/model";
}

TEST(Api, EveryClassLoadsInTheFormatThatIsAskedFor) {
  const std::string text = "the cat sat";
  const auto labels = [&](const std::string& dtype) {
    return TextClassifier::load(golden("classify"), {.dtype = dtype}).classify(text).labels[0].score;
  };
  EXPECT_NE(labels("bf16"), labels("f32"));
  EXPECT_EQ(labels(""), labels("f32"));
  const auto rank = [&](const std::string& dtype) {
    return Reranker::load(golden("rerank"), {.dtype = dtype}).scores(text, std::span(&text, 1));
  };
  EXPECT_NE(rank("bf16"), rank("f32"));
  const auto tags = [&](const std::string& dtype) {
    return TokenTagger::load(golden("tag"), {.dtype = dtype})
        .tag(text, {.ignored_labels = {}})
        .spans.at(0)
        .score;
  };
  EXPECT_NE(tags("bf16"), tags("f32"));
  const auto answers = [&](const std::string& dtype) {
    return QuestionAnswerer::load(golden("answer"), {.dtype = dtype}).answer("who sat", text).at(0).score;
  };
  EXPECT_NE(answers("bf16"), answers("f32"));
  const auto fillings = [&](const std::string& dtype) {
    return MaskFiller::load(golden("fill"), {.dtype = dtype}).fill("the [MASK]").masks[0][0].score;
  };
  EXPECT_NE(fillings("bf16"), fillings("f32"));
  const auto hidden = [&](const std::string& dtype) {
    return Network::load(golden("fill"), {.dtype = dtype})
        .forward({{"input_ids", {{1, 3}, std::vector<std::int64_t>{2, 5, 3}}}})
        .at("last_hidden_state")
        .floats();
  };
  EXPECT_NE(hidden("bf16"), hidden("f32"));
  expect_error(Errc::kUnsupported, "f8", [&] { labels("f8"); });
  expect_error(Errc::kUsage, "dtype 'f32'", [&] { TextTokenizer::load(golden("fill"), {.dtype = "f32"}); });
}

TEST(Api, AnIndexRemembersWhatItsModelWasLoadedWith) {
  const check::TemporaryFolder t;
  check::write_file(t / "a.txt", "the cat sat");
  const std::string name = LYCEUM_SOURCE_DIR "/src/tasks/embed/golden/tiny_sentence_model",
                    file = (t / "x.index").string(), text = (t / "a.txt").string();
  const EmbeddingOptions made{.prompt_name = "document",
                              .query_prompt = "query: ",
                              .max_tokens = 12,
                              .truncate_dim = 3,
                              .normalize = true,
                              .dtype = "bf16"};
  const auto model = EmbeddingModel::load(name, made);
  TextIndex::open_for_writing(file, model).update(std::span(&text, 1));
  const EmbeddingOptions kept = TextIndex::embedding_options(file);
  EXPECT_EQ(kept.prompt_name, "document");
  EXPECT_EQ(kept.prompt, std::nullopt);
  EXPECT_EQ(kept.query_prompt_name, "");
  EXPECT_EQ(kept.query_prompt, "query: ");
  EXPECT_EQ(kept.max_tokens, 12);
  EXPECT_TRUE(kept.pooling.empty());
  EXPECT_EQ(kept.truncate_dim, 3);
  EXPECT_TRUE(kept.normalize);
  EXPECT_EQ(kept.dtype, "bf16");
  const auto again = EmbeddingModel::load(name, kept);
  EXPECT_EQ(TextIndex::open(file, again).search("the cat").size(), 1u);
  EXPECT_EQ(TextIndex::open_for_writing(file, again).update(std::span(&text, 1)).unchanged, 1);
  expect_error(Errc::kData, "embedding options", [&] {
    TextIndex::open_for_writing(file, EmbeddingModel::load(name, {.truncate_dim = 3, .dtype = "bf16"}));
  });
  expect_error(Errc::kIo, "y.index", [&] { TextIndex::embedding_options((t / "y.index").string()); });
}

TEST(Api, AThreadLimitHoldsForItsThreadWhileItLives) {
  const int before = threads();
  {
    const ThreadLimit two(2);
    EXPECT_EQ(threads(), 2);
    {
      const ThreadLimit nothing(0), three(3);
      EXPECT_EQ(threads(), 3);
    }
    EXPECT_EQ(threads(), 2);
    expect_error(Errc::kUsage, "-1", [] { const ThreadLimit less(-1); });
    EXPECT_EQ(threads(), 2);
  }
  EXPECT_EQ(threads(), before);
}

}  // namespace
}  // namespace lyceum
