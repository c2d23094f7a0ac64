// The settings of objectives over vectors of sentences.
#include <gtest/gtest.h>

#include <filesystem>

#include "check/expect_error.h"
#include "train/recipe/recipe.h"

namespace lyceum {
namespace {

using check::expect_error;
using Arguments = std::vector<std::string>;

Recipe read(const std::string& objective, const Arguments& arguments = {}, const std::string& more = "") {
  return parse_recipe("[model]\nfrom = \"m\"\n[data]\ntrain = [\"t.jsonl\"]\n[objective]\n" + objective +
                          "\n[train]\nsteps = 1\n[output]\ndirectory = \"o\"\n" + more,
                      "r.toml", arguments);
}
Recipe pairs(const std::string& loss, const Arguments& arguments = {}) {
  return read("kind = \"pairs\"\nloss = \"" + loss + "\"", arguments);
}
Recipe triplets(const std::string& loss, const Arguments& arguments = {}) {
  return read("kind = \"triplets\"\nloss = \"" + loss + "\"", arguments);
}
using Texts = std::vector<std::string>;

TEST(SentenceRecipe, DefaultsAreThoseOfTheReference) {
  const Recipe cosine = pairs("cosine");
  EXPECT_EQ(cosine.data.texts, (Texts{"sentence1", "sentence2"}));
  EXPECT_EQ(cosine.data.label, "score");
  EXPECT_TRUE(cosine.data.score_range.empty());
  EXPECT_FALSE(cosine.train.no_duplicates);
  EXPECT_FALSE(cosine.train.group_by_length);

  EXPECT_EQ(pairs("cosent").objective.sentence.scale, 20);
  EXPECT_EQ(pairs("contrastive").objective.sentence.margin, 0.5);
  EXPECT_EQ(pairs("contrastive").objective.sentence.distance, SentenceDistance::kCosine);

  const Recipe triplet = triplets("triplet");
  EXPECT_EQ(triplet.objective.sentence.margin, 5);
  EXPECT_EQ(triplet.objective.sentence.distance, SentenceDistance::kEuclidean);
  EXPECT_EQ(triplet.data.texts, (Texts{"anchor", "positive", "negative"}));

  const Recipe negatives = pairs("multiple_negatives");
  EXPECT_EQ(negatives.data.texts, (Texts{"anchor", "positive"}));
  EXPECT_TRUE(negatives.train.no_duplicates);
  EXPECT_FALSE(negatives.objective.sentence.dot);
  EXPECT_TRUE(triplets("margin_mse").objective.sentence.dot);
  EXPECT_EQ(triplets("batch_hard_triplet").data.texts, Texts{"text"});

  const SentenceObjectiveOptions softmax = pairs("softmax").objective.sentence;
  EXPECT_TRUE(softmax.use_vectors && softmax.use_difference && !softmax.use_product);
}

TEST(SentenceRecipe, MatryoshkaSizesHaveWeightOneUnlessTheyAreGiven) {
  const Recipe plain = pairs("cosine", {"objective.matryoshka=[64, 32]"});
  EXPECT_EQ(plain.objective.sentence.matryoshka, (std::vector<std::int64_t>{64, 32}));
  EXPECT_EQ(plain.objective.sentence.matryoshka_weights, (std::vector<double>{1, 1}));
  expect_error(Errc::kUsage, "'objective.matryoshka': found [0], expected a list of whole numbers from 1",
               [] { pairs("cosine", {"objective.matryoshka=[0]"}); });
  expect_error(Errc::kUsage, "'objective.matryoshka_weights': found [1], expected a list of 2 numbers", [] {
    pairs("cosine", {"objective.matryoshka=[64, 32]", "objective.matryoshka_weights=[1]"});
  });
  expect_error(Errc::kUsage, "no such setting here", [] { pairs("softmax", {"objective.matryoshka=[64]"}); });
}

TEST(SentenceRecipe, ALossBelongsToItsKinds) {
  expect_error(Errc::kFormat, "'objective.loss': found nothing, expected one of softmax, cosine, cosent",
               [] { read("kind = \"pairs\""); });
  expect_error(Errc::kFormat, "expected one of multiple_negatives, triplet, margin_mse, batch_hard_triplet",
               [] { triplets("cosine"); });
  expect_error(Errc::kFormat, "the nearest is 'cosine'", [] { pairs("cosinus"); });
}

TEST(SentenceRecipe, TheFieldsOfTextsAreAsManyAsTheLossTakes) {
  expect_error(Errc::kUsage, "'data.texts': found 3 fields, expected 2 for objective.loss = \"cosine\"",
               [] { pairs("cosine", {"data.texts=[\"a\", \"b\", \"c\"]"}); });
  expect_error(Errc::kUsage, "found 2 fields, expected 3 or more",
               [] { triplets("multiple_negatives", {"data.texts=[\"a\", \"b\"]"}); });
  expect_error(Errc::kUsage, "found 2 fields, expected 3 for",
               [] { triplets("triplet", {"data.texts=[\"a\", \"b\"]"}); });
  EXPECT_EQ(triplets("multiple_negatives", {"data.texts=[\"a\", \"b\", \"c\", \"d\"]"}).data.texts.size(),
            4u);
}

TEST(SentenceRecipe, NumbersOutsideOfTheirRangesAreRefused) {
  expect_error(Errc::kUsage, "'objective.scale'", [] { pairs("cosent", {"objective.scale=0"}); });
  expect_error(Errc::kUsage, "'objective.scale'", [] { pairs("cosent", {"objective.scale=nan"}); });
  expect_error(Errc::kUsage, "'objective.margin'", [] { triplets("triplet", {"objective.margin=-1"}); });
  expect_error(Errc::kUsage, "'objective.score_range': found [5, 5], expected the lowest and the highest",
               [] { pairs("cosine", {"objective.score_range=[5, 5]"}); });
  expect_error(Errc::kUsage, "'objective.score_range'",
               [] { pairs("cosine", {"objective.score_range=[0]"}); });
  expect_error(Errc::kUsage, "no such setting here",
               [] { pairs("contrastive", {"objective.score_range=[0, 1]"}); });
  expect_error(Errc::kUsage, "'objective.distance': found \"manhattan\", expected one of cosine, euclidean",
               [] { triplets("batch_hard_triplet", {"objective.distance=manhattan"}); });
  expect_error(Errc::kUsage, "expected one of vectors, difference and product", [] {
    pairs("softmax", {"objective.vectors=false", "objective.difference=false", "objective.product=false"});
  });
}

TEST(SentenceRecipe, TheModelsModulesAreCheckedBeforeAnythingIsDone) {
  const Recipe recipe = pairs("cosine", {"model.pooling=[\"cls\", \"mean\"]", "model.normalize=false",
                                         "model.dense=16", "model.max_tokens=32"});
  EXPECT_EQ(recipe.model.pooling, (Texts{"cls", "mean"}));
  EXPECT_EQ(recipe.model.normalize, std::optional(false));
  EXPECT_EQ(recipe.model.dense_activation, "Tanh");
  EXPECT_EQ(pairs("cosine", {"model.pooling=max"}).model.pooling, Texts{"max"});
  EXPECT_FALSE(pairs("cosine").model.normalize.has_value());
  expect_error(Errc::kUsage, "found 'middle', expected cls, max, mean",
               [] { pairs("cosine", {"model.pooling=middle"}); });
  expect_error(Errc::kUsage, "'model.dense_activation'", [] {
    pairs("cosine", {"model.dense=16", "model.dense_activation=Swish"});
  });
  expect_error(Errc::kUsage, "'model.max_tokens'", [] { pairs("cosine", {"model.max_tokens=-1"}); });
  expect_error(Errc::kUsage, "no such setting here",
               [] { read("kind = \"classification\"", {"model.pooling=mean"}); });
}

TEST(SentenceRecipe, BatchesWithoutDuplicatesHaveANumberOfExamples) {
  EXPECT_FALSE(pairs("multiple_negatives", {"train.no_duplicates=false"}).train.no_duplicates);
  EXPECT_FALSE(pairs("multiple_negatives", {"train.batch_tokens=4096"}).train.no_duplicates);
  expect_error(Errc::kUsage, "'train.no_duplicates'", [] {
    pairs("multiple_negatives", {"train.batch_tokens=4096", "train.no_duplicates=true"});
  });
  expect_error(Errc::kFormat, "'train.no_duplicates'",
               [] { pairs("multiple_negatives", {"train.group_by_length=true"}); });
}

TEST(SentenceRecipe, TheBestIsByANumberThatTheObjectiveReports) {
  EXPECT_EQ(pairs("cosine", {"train.best_by=spearman"}).train.best_by, "spearman");
  EXPECT_EQ(triplets("triplet", {"train.best_by=accuracy"}).train.best_by, "accuracy");
  EXPECT_EQ(read("kind = \"classification\"", {"train.best_by=accuracy"}).train.best_by, "accuracy");
  EXPECT_EQ(read("kind = \"regression\"", {"train.best_by=pearson"}).train.best_by, "pearson");
  expect_error(Errc::kUsage, "expected one of loss, spearman, pearson",
               [] { pairs("cosine", {"train.best_by=accuracy"}); });
  expect_error(Errc::kUsage, "expected one of loss", [] { pairs("mse", {"train.best_by=spearman"}); });
}

TEST(SentenceRecipe, ARegressionLearnsByEitherLossAndMapsItsScores) {
  EXPECT_FALSE(read("kind = \"regression\"").objective.is_logistic);
  const Recipe logistic =
      read("kind = \"regression\"\nloss = \"bce\"\nscore_range = [0, 5]", {"data.second_text=b"});
  EXPECT_TRUE(logistic.objective.is_logistic);
  EXPECT_EQ(logistic.data.score_range, (std::vector<double>{0, 5}));
}

TEST(SentenceRecipe, TheResolvedRecipeIsReadAsTheSame) {
  for (const Recipe& recipe :
       {pairs("cosine", {"objective.score_range=[0, 5]", "objective.matryoshka=[8]", "model.normalize=true",
                         "model.pooling=max", "model.dense=4"}),
        triplets("margin_mse"), pairs("softmax"), triplets("batch_hard_triplet")}) {
    const Recipe again = parse_recipe(recipe.resolved, "again.toml");
    EXPECT_EQ(again.resolved, recipe.resolved);
    EXPECT_EQ(again.values, recipe.values);
  }
}

TEST(SentenceRecipe, TheRecipesOfTheRepositoryAreRead) {
  const std::filesystem::path folder = std::filesystem::path(LYCEUM_SOURCE_DIR) / "recipes";
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".toml") {
      EXPECT_NO_THROW(read_recipe(entry.path())) << entry.path();
      ++found;
    }
  EXPECT_GE(found, 4);
}

}  // namespace
}  // namespace lyceum
