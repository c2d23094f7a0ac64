#include "tasks/evaluate/evaluate.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "tasks/evaluate/evaluate_test_fixture.h"

namespace lyceum {
namespace {

// scipy 1.17.1 under sentence-transformers 6.0.1, EmbeddingSimilarityEvaluator; golden/make_golden.py
TEST_F(Evaluate, SimilarityEqualsSentenceTransformers) {
  const auto found = scores(kFixture, "pairs");
  EXPECT_EQ(found.size(), 8u);
  EXPECT_EQ(examples_["pairs"], 14);
  expect_scores(found,
                {{"pairs pearson", 0.7441781017720257},
                 {"pairs spearman", 0.6886692836150728},
                 {"pairs pearson_dot", 0.6618443084593243},
                 {"pairs spearman_dot", 0.6578661846674337},
                 {"pairs pearson_manhattan", 0.36704930704243083},
                 {"pairs spearman_manhattan", 0.3193832599118943},
                 {"pairs pearson_euclidean", 0.21430194798898752},
                 {"pairs spearman_euclidean", 0.2508252342879179}},
                kF32);
}

TEST_F(Evaluate, AFolderOfSetsGivesEachFileEachSetAndTheMeans) {
  const auto found = scores(kFixture, "sets");
  expect_scores(found,
                {{"sets/year1 spearman", 0.6747751534848716},
                 {"sets/year2 spearman", 0.5515151515151515},
                 {"sets spearman", (0.6747751534848716 + 0.5515151515151515) / 2},
                 {"sets/year1/forum spearman", 0.3},
                 {"sets/year1/news spearman", 0.9},
                 {"sets/year1 spearman_mean", 0.6},
                 {"sets/year1/news pearson", 0.7667041125734787},
                 {"sets pearson_dot", (0.6954690829396164 + 0.5438531301490003) / 2}},
                kF32);
  EXPECT_EQ(examples_["sets"], 20);
  EXPECT_EQ(examples_["sets/year1/news"], 5);
  EXPECT_FALSE(found.contains("sets/year2 spearman_mean"));
  const auto alone = scores(kFixture, "year2");
  EXPECT_EQ(alone.at("year2 spearman"), found.at("sets/year2 spearman"));
}

// sentence-transformers 6.0.1, InformationRetrievalEvaluator; ndcg@10: pytrec_eval-terrier 0.5.11;
// golden/make_golden.py. The fixture has grades, two equal documents, a relevant one that the corpus lacks,
// an unknown query and one without judgements.
TEST_F(Evaluate, RetrievalEqualsSentenceTransformersAndTrecEval) {
  std::string warnings;
  set_log_sink([&](LogLevel level, std::string_view line) {
    warnings += level == LogLevel::kWarning ? std::string(line) + "\n" : "";
  });
  const auto found = scores(kFixture, "shelf");
  EXPECT_EQ(found.size(), 6u);
  EXPECT_EQ(examples_["shelf"], 5);
  expect_scores(found,
                {{"shelf ndcg@10", 0.6557041571651927},
                 {"shelf binary_ndcg@10", 0.7185558387680941},
                 {"shelf mrr@10", 0.7},
                 {"shelf recall@10", 0.9333333333333332},
                 {"shelf recall@100", 0.9333333333333332},
                 {"shelf map@100", 0.5877777777777777}},
                kDouble);
  EXPECT_TRUE(has(warnings, "1 of 14 judgements name a query")) << warnings;
  EXPECT_TRUE(has(warnings, "1 of 14 judgements name a document that " +
                                (kFixture / "shelf/corpus.jsonl").string() + " lacks; the 1 relevant"))
      << warnings;
  EXPECT_GE(encoder_.calls[TextRole::kQuery], 1);
  EXPECT_GE(encoder_.calls[TextRole::kDocument], 1);
  EXPECT_EQ(encoder_.calls[TextRole::kPlain], 0);
  EXPECT_NE(scores(kFixture, "shelf", {.rank_by = RankBy::kDot}), found);
}

// probe: scikit-learn 1.9.1; knn: NumPy; golden/make_golden.py. One test label does not occur in training.
TEST_F(Evaluate, ClassificationEqualsScikitLearn) {
  std::string messages;
  set_log_sink([&](LogLevel, std::string_view line) { messages += std::string(line) + "\n"; });
  expect_scores(scores(kFixture, "topics"),
                {{"topics knn_accuracy", 6.0 / 7}, {"topics probe_accuracy", 5.0 / 7}}, kDouble);
  EXPECT_TRUE(has(messages, "1 of 7 texts have a label that the train split lacks")) << messages;
  expect_scores(scores(kFixture, "topics", {.neighbours = 1, .c = {0.01}}),
                {{"topics knn_accuracy", 4.0 / 7}, {"topics probe_accuracy", 4.0 / 7}}, kDouble);
  expect_scores(scores(kFixture, "topics", {}, "valid"),
                {{"topics knn_accuracy", 1}, {"topics probe_accuracy", 1}}, kDouble);
  // all C are equally good on the valid split: the smallest is taken
  messages.clear();
  expect_scores(scores(kFixture, "topics", {.c = {1, 0.001, 10}}), {{"topics probe_accuracy", 4.0 / 7}},
                kDouble);
  EXPECT_TRUE(has(messages, "C = 0.001 is the best of 3")) << messages;
  EXPECT_THROW(scores(kFixture, "topics", {.c = {1, 10}}, "valid"), Error);
  // without another split there is nothing to learn from
  EXPECT_EQ(scores(kFixture, "topics", {}, "train").size(), 2u);
  EXPECT_THROW(scores(kFixture, "topics", {.form = TaskForm::kClassification}, "train"), Error);
}

TEST_F(Evaluate, CompressedFilesAndTheFormOfBeirGiveTheSameScores) {
  const auto pack = [&](const std::string& from, const std::string& to,
                        const std::function<std::string(std::string)>& change) {
    const std::string text = change(read_text(kFixture / from));
    fs::create_directories((folder_ / to).parent_path());
    const gzFile file = gzopen((folder_ / to).c_str(), "wb");
    EXPECT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())), static_cast<int>(text.size()));
    gzclose(file);
  };
  const auto underscore = [](std::string text) {
    for (std::size_t at = 0; (at = text.find("\"id\"", at)) != std::string::npos; at += 5)
      text.replace(at, 4, "\"_id\"");
    return text;
  };
  pack("shelf/corpus.jsonl", "deep/down/shelf/corpus.jsonl.gz", underscore);
  pack("shelf/queries.jsonl", "deep/down/shelf/queries.jsonl.gz", underscore);
  pack("shelf/qrels.tsv", "deep/down/shelf/qrels/dev.tsv.gz",
       [](const std::string& text) { return "query-id\tcorpus-id\tscore\n" + text; });
  EXPECT_EQ(scores(folder_.path(), "down/shelf", {}, "dev"), scores(kFixture, "shelf"));
}

TEST_F(Evaluate, NamesThatAreUnknownAmbiguousOrOfNoFormAreExplained) {
  put("a/pairs/test.jsonl", R"({"sentence1":"x","sentence2":"y","score":1})");
  put("b/pairs/test.jsonl", R"({"sentence1":"x","sentence2":"y","score":1})");
  put("b/choices/test.jsonl", R"({"text":"x","label":0,"candidates":["a","b"]})");
  put("b/choices/train.jsonl", R"({"text":"x","label":0,"candidates":["a","b"]})");
  put("b/broken/test.jsonl", "{");
  put("b/half/corpus.jsonl", R"({"id":"1","text":"x"})");
  put("b/half/queries.jsonl", R"({"id":"1","text":"x"})");
  EXPECT_TRUE(has(complaint("nothing", Errc::kUsage), "pairs (similarity), pairs (similarity)"));
  EXPECT_TRUE(has(complaint("pairs", Errc::kUsage), "Fix: give more of the path"));
  EXPECT_EQ(complaint("a/pairs", Errc::kUsage), "no error");
  EXPECT_TRUE(
      has(complaint("choices", Errc::kUsage), "found the fields candidates, label, text in test.jsonl"));
  EXPECT_TRUE(has(complaint("broken", Errc::kFormat), "test.jsonl: line 1: not JSON"));
  EXPECT_TRUE(has(complaint("half", Errc::kUsage), "neither qrels/test.tsv nor"));
  EXPECT_TRUE(has(complaint("a/pairs", Errc::kUsage, {}, "valid"), "found test, expected valid.jsonl"));
  EXPECT_TRUE(has(complaint("irs", Errc::kUsage), "found nothing of this name"));
}

TEST_F(Evaluate, BadRecordsNameTheirFileAndLine) {
  const std::string pair = R"({"sentence1":"x","sentence2":"y","score":1})"
                           "\n";
  const auto pairs = [&](const std::string& line) {
    put("pairs/test.jsonl", pair + "\n" + line);
    return complaint("pairs", Errc::kFormat);
  };
  EXPECT_TRUE(has(pairs(R"({"sentence1":"x","score":1})"), "test.jsonl: line 3: key 'sentence2' is missing"));
  EXPECT_TRUE(
      has(pairs(R"({"sentence1":"x","sentence2":"y"})"), "line 3: found neither 'score' nor 'relatedness'"));
  EXPECT_TRUE(has(pairs(R"({"sentence1":"x","sentence2":"y","score":"high"})"),
                  "line 3: 'score': found \"high\", expected a number"));
  EXPECT_TRUE(has(pairs(R"({"sentence1":"x","sentence2":"y","score":1e999})"), "line 3: not JSON"));
  EXPECT_TRUE(has(pairs("[1]"), "line 3: found [1], expected a JSON object"));

  put("topics/train.jsonl", R"({"text":"x","label":"a"})"
                            "\n"
                            R"({"text":"x","label":1.5})");
  put("topics/test.jsonl", R"({"text":"x","label":"a"})");
  EXPECT_TRUE(has(complaint("topics", Errc::kFormat), "train.jsonl: line 2: 'label': found 1.5"));
  put("topics/train.jsonl", R"({"text":"x","label":"a"})");
  EXPECT_TRUE(has(complaint("topics", Errc::kData), "found one label, 'a', expected at least two"));

  const auto shelf = [&](const std::string& corpus, const std::string& qrels, Errc code,
                         bool strict = false) {
    put("shelf/corpus.jsonl", R"({"id":"1","text":"x"})"
                              "\n" +
                                  corpus);
    put("shelf/queries.jsonl", R"({"id":7,"text":"x"})");
    put("shelf/qrels.tsv", qrels);
    return complaint("shelf", code, {.is_strict = strict});
  };
  EXPECT_EQ(shelf(R"({"id":2,"text":"y"})", "7\t2\t1\n", Errc::kData), "no error");
  EXPECT_TRUE(has(shelf(R"({"id":1,"text":"y"})", "7\t1\t1\n", Errc::kData),
                  "corpus.jsonl: line 2: document '1' stands there twice"));
  EXPECT_TRUE(
      has(shelf(R"({"id":2})", "7\t1\t1\n", Errc::kFormat), "corpus.jsonl: line 2: key 'text' is missing"));
  EXPECT_TRUE(has(shelf("", "7\t1\t1\n7\t1\n", Errc::kFormat), "qrels.tsv: line 2: found 2 columns"));
  EXPECT_TRUE(has(shelf("", "7\t1\t1\n7\t1\tx\n", Errc::kFormat), "qrels.tsv: line 2: found the grade 'x'"));
  EXPECT_TRUE(has(shelf("", "7\t1\t99999999999\n7\t1\t99999999999\n", Errc::kFormat), "qrels.tsv: line 2"));
  EXPECT_TRUE(
      has(shelf("", "7\t1\t1\n7\t1\t2\n", Errc::kData), "qrels.tsv: line 2: found the grades 1 and 2"));
  EXPECT_TRUE(has(shelf("", "7\t1\t0\n", Errc::kData), "found no relevant document for any query"));
  EXPECT_TRUE(
      has(shelf("", "7\t1\t1\n7\t9\t1\n", Errc::kData, true), "qrels.tsv: line 2: document '9' is not in"));
  EXPECT_TRUE(
      has(shelf("", "7\t1\t1\n8\t1\t1\n", Errc::kData, true), "qrels.tsv: line 2: query '8' is not in"));
}

TEST_F(Evaluate, AVectorThatIsNotFiniteIsAnErrorWithItsText) {
  put("pairs/test.jsonl", R"({"sentence1":"good","sentence2":"bad one","score":1})");
  encoder_.poison = "bad one";
  EXPECT_TRUE(has(complaint("pairs", Errc::kData), "not finite for the text 'bad one'"));
}

TEST_F(Evaluate, ProgressCountsEveryTextAndAnInterruptStops) {
  std::int64_t last = 0, all = 0;
  scores(kFixture, "shelf", {.progress = [&](std::int64_t done, std::int64_t total) {
           EXPECT_GT(done, last);
           last = done;
           all = total;
         }});
  EXPECT_EQ(last, 15);
  EXPECT_EQ(all, 15);
  put("pairs/test.jsonl", R"({"sentence1":"x","sentence2":"y","score":1})");
  request_interrupt();
  EXPECT_NE(complaint("pairs", Errc::kInterrupted), "no error");
  clear_interrupt();
}

}  // namespace
}  // namespace lyceum
