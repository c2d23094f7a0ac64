// The losses of sentence-transformers (golden/make_golden.py; MADE_WITH.txt names the versions): values and
// gradients.
#include "train/objective/sentence_losses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "check/gradcheck.h"
#include "check/message_of.h"
#include "formats/safetensors.h"
#include "nn/named_tensors.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

using enum SentenceLoss;
using Options = SentenceObjectiveOptions;

constexpr std::size_t kExamples = 6;

const NamedTensors& golden() {
  static const NamedTensors all = [] {
    NamedTensors out;
    const Safetensors file = Safetensors::open(std::filesystem::path(LYCEUM_SOURCE_DIR) /
                                               "src/train/objective/golden/sentence_losses.safetensors");
    for (const SafetensorsEntry& e : file.entries()) out.emplace(e.name, file.tensor(e));
    return out;
  }();
  return all;
}

// Examples of so many texts, without tokens: losses look at vectors only.
std::vector<Example> examples_of(std::int64_t texts) {
  std::vector<Example> out(kExamples);
  for (std::size_t i = 0; i < kExamples; ++i) {
    out[i].begins.assign(static_cast<std::size_t>(texts), 0);
    out[i].where = "line " + std::to_string(i);
  }
  return out;
}

void give_numbers(std::vector<Example>& examples, const std::string& name) {
  const Tensor& given = golden().at(name);
  const std::vector<float> values = given.values<float>();
  const std::size_t each = values.size() / examples.size();
  for (std::size_t i = 0; i < examples.size(); ++i)
    examples[i].numbers.assign(values.begin() + static_cast<std::ptrdiff_t>(i * each),
                               values.begin() + static_cast<std::ptrdiff_t>((i + 1) * each));
}

// An example's texts stand together among the vectors: text t of example i is row i * texts + t.
Tensor interleaved(const std::string& prefix, std::int64_t texts) {
  const Tensor& first = golden().at(prefix + "0");
  Tensor out = Tensor::empty({first.rows() * texts, first.cols()});
  for (std::int64_t t = 0; t < texts; ++t)
    for (std::int64_t i = 0; i < first.rows(); ++i)
      std::copy_n(golden().at(prefix + std::to_string(t)).row<float>(i), first.cols(),
                  out.mutable_row<float>(i * texts + t));
  return out;
}

void expect_tensor_close(const Tensor& got, const Tensor& want, const std::string& what) {
  ASSERT_EQ(got.elements(), want.elements()) << what;
  const auto x = got.values<float>(), y = want.values<float>();
  float largest = 0;
  for (const float v : y) largest = std::max(largest, std::fabs(v));
  // Some ten roundings of 2^-24 between a vector and a cosine, times 20 where a scale multiplies it.
  for (std::size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(x[i], y[i], 2e-5f * std::max(largest, 1e-3f)) << what << " element " << i;
}

struct Case {
  const char* name;
  Options options;
  std::int64_t texts;
  const char* numbers = "";
};

const std::vector<Case>& cases() {
  using enum SentenceDistance;
  static const std::vector<Case> all = {
      {"softmax", {.loss = kSoftmax}, 2},
      {"softmax-all", {.loss = kSoftmax, .use_product = true}, 2},
      {"softmax-product",
       {.loss = kSoftmax, .use_vectors = false, .use_difference = false, .use_product = true},
       2},
      {"cosine", {.loss = SentenceLoss::kCosine}, 2, "scores"},
      {"cosent", {.loss = kCosent}, 2, "scores"},
      {"contrastive-cosine", {.loss = kContrastive}, 2, "flags"},
      {"contrastive-euclidean", {.loss = kContrastive, .distance = kEuclidean, .margin = 4}, 2, "flags"},
      {"contrastive-manhattan", {.loss = kContrastive, .distance = kManhattan, .margin = 9}, 2, "flags"},
      {"online_contrastive-cosine", {.loss = kOnlineContrastive}, 2, "flags"},
      {"online_contrastive-euclidean",
       {.loss = kOnlineContrastive, .distance = kEuclidean, .margin = 4},
       2,
       "flags"},
      {"online_contrastive-manhattan",
       {.loss = kOnlineContrastive, .distance = kManhattan, .margin = 9},
       2,
       "flags"},
      {"multiple_negatives", {.loss = kMultipleNegatives}, 2},
      {"multiple_negatives-negatives", {.loss = kMultipleNegatives}, 4},
      {"multiple_negatives-dot", {.loss = kMultipleNegatives, .scale = 1, .dot = true}, 2},
      {"multiple_negatives-symmetric", {.loss = kMultipleNegatives, .symmetric = true}, 3},
      {"triplet-euclidean", {.loss = kTriplet, .distance = kEuclidean, .margin = 5}, 3},
      {"triplet-manhattan", {.loss = kTriplet, .distance = kManhattan, .margin = 5}, 3},
      {"triplet-cosine", {.loss = kTriplet, .margin = 0.5}, 3},
      {"margin_mse", {.loss = kMarginMse, .dot = true}, 4, "margins"},
      {"margin_mse-scores", {.loss = kMarginMse}, 3, "margins"},
      {"mse", {.loss = kMse}, 2, "teacher"},
      {"batch_hard_triplet-euclidean", {.loss = kBatchHardTriplet, .distance = kEuclidean, .margin = 5}, 1},
      {"batch_hard_triplet-cosine", {.loss = kBatchHardTriplet, .margin = 0.5}, 1},
      {"cosine-matryoshka",
       {.loss = SentenceLoss::kCosine, .matryoshka = {8, 4, 2}, .matryoshka_weights = {1, 0.5, 2}},
       2,
       "scores"},
      {"mse-matryoshka", {.loss = kMse, .matryoshka = {8, 3}, .matryoshka_weights = {1, 1}}, 2, "teacher"},
      {"multiple_negatives-matryoshka",
       {.loss = kMultipleNegatives, .matryoshka = {8, 5}, .matryoshka_weights = {1, 1}},
       3}};
  return all;
}

std::vector<Example> examples_of(const Case& c) {
  std::vector<Example> examples = examples_of(c.texts);
  if (*c.numbers != '\0') give_numbers(examples, c.numbers);
  const std::vector<std::int64_t> classes = golden().at("classes").values<std::int64_t>();
  if (c.options.loss == kSoftmax || c.options.loss == kBatchHardTriplet)
    for (std::size_t i = 0; i < examples.size(); ++i) examples[i].labels = {classes[i]};
  return examples;
}

TEST(SentenceLosses, HaveTheValuesAndGradientsOfTheReference) {
  for (const Case& c : cases()) {
    const std::vector<Example> examples = examples_of(c);
    const std::string name = c.name;
    Linear classifier;
    std::vector<WeightPtr> weights;
    if (c.options.loss == kSoftmax) {
      for (const char* part : {"weight", "bias"}) {
        weights.push_back(std::make_shared<Weight>(part, golden().at(name + ".classifier." + part)));
        weights.back()->set_trainable(true);
      }
      classifier = Linear(weights[0], weights[1]);
    }
    Tape tape;
    const Tensor vectors = tape.watch(interleaved("column.", c.texts));
    Tensor loss;
    {
      const Tape::Recording on(tape);
      loss = sentence_loss(vectors, examples, c.options, classifier, loss_count(examples, c.options.loss));
    }
    expect_tensor_close(loss, golden().at(name + ".loss"), name);
    Gradients found = tape.backward(loss);
    expect_tensor_close(found.of(vectors), interleaved(name + ".grad.", c.texts), name + ", vectors");
    for (const WeightPtr& weight : weights)
      expect_tensor_close(found.take(weight->variable()).reshaped(weight->shape()),
                          golden().at(name + ".classifier.grad." + weight->name()),
                          name + ", " + weight->name());
  }
}

// A sum over parts of a batch is the whole where each example counts by itself.
TEST(SentenceLosses, OfPartsAddUpToThatOfTheWholeWhereTheyDoNotSeeTheBatch) {
  for (const Case& c : cases()) {
    if (sees_whole_batch(c.options.loss) || c.options.loss == kSoftmax) continue;
    const std::vector<Example> examples = examples_of(c);
    const Tensor vectors = interleaved("column.", c.texts);
    const double total = loss_count(examples, c.options.loss);
    const auto value = [&](std::size_t begin, std::size_t end) {
      const auto first = static_cast<std::int64_t>(begin) * c.texts,
                 last = static_cast<std::int64_t>(end) * c.texts;
      return sentence_loss(vectors.row_range(first, last), std::span(examples).subspan(begin, end - begin),
                           c.options, {}, total)
          .values<float>()[0];
    };
    const float whole = value(0, kExamples);
    EXPECT_NEAR(value(0, 2) + value(2, kExamples), whole, 4e-7f * std::fabs(whole)) << c.name;  // 4 roundings
  }
}

TEST(SentenceLosses, ATextAloneInItsClassAndABatchOfOneClassAreNoError) {
  const Case c = {"", {.loss = kBatchHardTriplet, .distance = SentenceDistance::kEuclidean, .margin = 5}, 1};
  std::vector<Example> examples = examples_of(1);
  const Tensor vectors = interleaved("column.", 1);
  const auto loss = [&] {
    return sentence_loss(vectors, examples, c.options, {}, kExamples).values<float>()[0];
  };
  for (Example& example : examples) example.labels = {0};
  // hardest positive and hardest "negative" are one text: the margin is left
  EXPECT_EQ(loss(), 5.0f);
  for (std::size_t i = 0; i < examples.size(); ++i) examples[i].labels = {static_cast<std::int64_t>(i)};
  EXPECT_LT(loss(), 5.0f);  // positives at distance 0, every negative farther
}

TEST(SentenceLosses, SayWhichExampleDoesNotFit) {
  const Tensor vectors = interleaved("column.", 2);
  const auto message = [&](const Options& options, std::vector<Example> examples) {
    return check::message_of(Errc::kData, [&] { sentence_loss(vectors, examples, options, {}, 6); });
  };
  EXPECT_EQ(message({.loss = kTriplet}, examples_of(2)), "line 0: found 2 texts, expected 3");
  EXPECT_EQ(message({.loss = kMarginMse}, examples_of(2)), "line 0: found 2 texts, expected 3 or more");
  EXPECT_EQ(message({.loss = kCosent}, examples_of(2)), "line 0: found 0 scores, expected one");
  std::vector<Example> examples = examples_of(2);
  for (Example& example : examples) example.numbers = {0.5f};
  examples[3].numbers = {4.2f};
  EXPECT_EQ(message({.loss = SentenceLoss::kCosine}, examples),
            "line 3: found the score 4.2, expected -1 to 1, as a cosine is. Fix: objective.score_range = "
            "[lowest, highest]");
  EXPECT_EQ(message({.loss = kMse}, examples), "line 0: found 1 numbers, expected a vector of the model's 8");
}

}  // namespace
}  // namespace lyceum
