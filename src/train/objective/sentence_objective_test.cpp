#include "train/objective/sentence_objective.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "check/gradcheck.h"
#include "check/message_of.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "nn/sentence_model.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

using enum SentenceLoss;

class SentenceObjectives : public testing::Test {
 protected:
  SentenceObjectives() {
    check::write_tiny_bert(folder_.path(),
                           {.layers = 2, .sentence = true, .dense_width = 6, .normalize = false});
    model_ = load_sentence_model(ModelFolder::find(folder_.path().string()));
    for (const WeightPtr& weight : model_.body().parameters()) weights_.push_back(weight);
    for (const WeightPtr& weight : model_.head->parameters()) weights_.push_back(weight);
    for (const WeightPtr& weight : weights_) weight->set_trainable(true);
  }

  // Of 2 to 6 words; a score of 0 or 1, a class, and a teacher's vector.
  static std::vector<Example> examples(std::size_t count, std::int64_t texts, SentenceLoss loss) {
    Random random(3);
    std::vector<Example> out(count);
    for (std::size_t i = 0; i < count; ++i) {
      Example& example = out[i];
      example.begins.clear();
      for (std::int64_t t = 0; t < texts; ++t) {
        example.begins.push_back(example.tokens());
        example.ids.push_back(2);
        for (std::uint32_t w = 0; w < 2 + random.below(5); ++w)
          example.ids.push_back(static_cast<std::int32_t>(5 + random.below(10)));
        example.ids.push_back(3);
      }
      example.labels = {static_cast<std::int64_t>(i % 3)};
      example.numbers.assign(loss == kMse ? 6 : 1, static_cast<float>(i % 2));
      example.id = i;
      example.where = "line " + std::to_string(i);
    }
    return out;
  }

  struct Learnt {
    double loss = 0;
    std::vector<Tensor> gradients;
  };
  Learnt learn(const Objective& objective, std::span<const Example> examples, const LearnOptions& options) {
    Gradients gradients;
    Learnt out;
    const Learner learner{.model = model_.loaded.model.get(), .sentence = model_.head.get()};
    out.loss = objective.learn(learner, examples, objective.counts(examples), options, gradients);
    std::vector<WeightPtr> all = weights_;
    for (const WeightPtr& weight : objective.parameters()) all.push_back(weight);
    for (const WeightPtr& weight : all) {
      const Tensor found = gradients.take(weight->variable());
      out.gradients.push_back(found.defined() ? found : Tensor::zeros(weight->shape()));
    }
    return out;
  }

  check::TemporaryFolder folder_;
  SentenceModel model_;
  std::vector<WeightPtr> weights_;
};

struct Kind {
  SentenceObjectiveOptions options;
  std::int64_t texts;
};
const Kind kKinds[] = {{{.loss = SentenceLoss::kCosine}, 2},
                       {{.loss = kCosent}, 2},
                       {{.loss = kContrastive}, 2},
                       {{.loss = kOnlineContrastive}, 2},
                       {{.loss = kMultipleNegatives, .symmetric = true}, 3},
                       {{.loss = kTriplet, .distance = SentenceDistance::kEuclidean, .margin = 5}, 3},
                       {{.loss = kMarginMse, .dot = true}, 3},
                       {{.loss = kMse}, 2},
                       {{.loss = kBatchHardTriplet, .margin = 0.5}, 1},
                       {{.loss = kMultipleNegatives, .matryoshka = {6, 3}, .matryoshka_weights = {1, 2}}, 2}};

// In one piece, and in parts: of losses over the whole batch the vectors are the same, and so is the loss,
// bit for bit; gradients are added up in another order. Sums of at most 100 tokens: 100 roundings of 2^-24
// of the largest, with room for cancellation.
TEST_F(SentenceObjectives, InPartsHaveTheSameLossAndGradientsAlsoWithDropout) {
  for (const Kind& kind : kKinds) {
    const auto objective = sentence_objective(kind.options, 6);
    const std::vector<Example> batch = examples(9, kind.texts, kind.options.loss);
    for (const bool dropout : {false, true}) {
      LearnOptions options;
      if (dropout) {
        model_.loaded.model->set_dropout(0.2);
        options.dropout_seed = 5;
      }
      const Learnt whole = learn(*objective, batch, options);
      options.part_tokens = 25;
      const Learnt parts = learn(*objective, batch, options);
      const auto what = fmt::format("loss {}, dropout {}", static_cast<int>(kind.options.loss), dropout);
      EXPECT_GT(whole.loss, 0) << what;
      if (sees_whole_batch(kind.options.loss)) {
        EXPECT_EQ(parts.loss, whole.loss) << what;
      } else {
        EXPECT_NEAR(parts.loss, whole.loss, 1e-6 * whole.loss) << what;
      }
      float largest = 0;
      for (const Tensor& g : whole.gradients)
        for (const float v : g.values<float>()) largest = std::max(largest, std::fabs(v));
      EXPECT_GT(largest, 0) << what;
      for (std::size_t w = 0; w < whole.gradients.size(); ++w) {
        const auto a = whole.gradients[w].values<float>(), b = parts.gradients[w].values<float>();
        for (std::size_t i = 0; i < a.size(); ++i)
          ASSERT_NEAR(a[i], b[i], 1e-5f * largest) << what << ", " << w;
      }
      model_.loaded.model->set_dropout(0);
    }
  }
}

TEST_F(SentenceObjectives, GradientsFollowTheLossThroughTheEncoderAndTheDenseLayer) {
  // Along a random direction; differences of f32 losses over 2e-2 of them keep two digits.
  for (const Kind& kind : kKinds) {
    if (kind.options.loss == kOnlineContrastive) continue;  // jumps where the hard pairs change
    const auto objective = sentence_objective(kind.options, 6);
    const std::vector<Example> batch = examples(6, kind.texts, kind.options.loss);
    const Learnt at = learn(*objective, batch, {});
    double square = 0;
    for (const Tensor& g : at.gradients)
      for (const float v : g.values<float>()) square += static_cast<double>(v) * static_cast<double>(v);
    ASSERT_GT(square, 0) << static_cast<int>(kind.options.loss);
    const double step = 2e-3 / std::sqrt(square);
    const auto moved = [&](double by) {
      for (std::size_t w = 0; w < weights_.size(); ++w) {
        const std::vector<float> g = at.gradients[w].values<float>();
        std::span<float> values = weights_[w]->mutable_f32();
        for (std::size_t i = 0; i < g.size(); ++i)
          values[i] += static_cast<float>(by * static_cast<double>(g[i]));
      }
      return learn(*objective, batch, {}).loss;
    };
    const double above = moved(step), below = moved(-2 * step);
    moved(step);
    EXPECT_NEAR((above - below) / (2 * step) / square, 1, 0.02) << static_cast<int>(kind.options.loss);
  }
}

TEST_F(SentenceObjectives, AreTheSameBitsForEveryThreadCount) {
  const auto objective = sentence_objective({.loss = kMultipleNegatives}, 6);
  const std::vector<Example> batch = examples(9, 2, kMultipleNegatives);
  EXPECT_EQ(check::same_bits_everywhere([&] {
              Learnt learnt = learn(*objective, batch, {.part_tokens = 30});
              learnt.gradients.push_back(Tensor::full({1}, static_cast<float>(learnt.loss)));
              return learnt.gradients;
            }),
            "");
}

TEST_F(SentenceObjectives, AClassifierIsTrainedWithTheModel) {
  const SentenceObjectiveOptions options{.loss = kSoftmax};
  EXPECT_EQ(classifier_inputs(options, 6), 18);
  const auto weight = std::make_shared<Weight>("classifier.weight", check::random_tensor({3, 18}, 1)),
             bias = std::make_shared<Weight>("classifier.bias", Tensor::zeros({3}));
  for (const WeightPtr& w : {weight, bias}) w->set_trainable(true);
  const auto objective = sentence_objective(options, 6, {weight, bias});
  EXPECT_EQ(objective->parameters().size(), 2u);
  const Learnt learnt = learn(*objective, examples(6, 2, kSoftmax), {});
  for (std::size_t i = learnt.gradients.size() - 2; i < learnt.gradients.size(); ++i) {
    const std::vector<float> values = learnt.gradients[i].values<float>();
    EXPECT_TRUE(std::any_of(values.begin(), values.end(), [](float v) { return v != 0; })) << i;
  }
}

TEST_F(SentenceObjectives, ValidationCountsWhatTheLossIsAbout) {
  const auto report = [&](const SentenceObjectiveOptions& options, std::int64_t texts) {
    const auto objective = sentence_objective(options, 6);
    Judgement judgement;
    const Learner learner{.model = model_.loaded.model.get(), .sentence = model_.head.get()};
    objective->judge(learner, examples(8, texts, options.loss), judgement);
    std::string names;
    for (const NamedNumber& number : objective->report(judgement).others) names += number.name + " ";
    return names;
  };
  EXPECT_EQ(report({.loss = SentenceLoss::kCosine}, 2), "valid_pearson valid_spearman ");
  EXPECT_EQ(report({.loss = kTriplet}, 3), "valid_accuracy ");
  EXPECT_EQ(report({.loss = kMultipleNegatives}, 2), "valid_accuracy ");
  EXPECT_EQ(report({.loss = kMultipleNegatives}, 3), "valid_accuracy ");
  EXPECT_EQ(report({.loss = kMse}, 2), "");
}

TEST_F(SentenceObjectives, AreJudgedByTheLossThatIsLearnt) {
  for (const Kind& kind : kKinds) {
    const auto objective = sentence_objective(kind.options, 6);
    const std::vector<Example> batch = examples(8, kind.texts, kind.options.loss);
    Judgement judgement;
    objective->judge({.model = model_.loaded.model.get(), .sentence = model_.head.get()}, batch, judgement);
    const double learnt = learn(*objective, batch, {}).loss;
    EXPECT_NEAR(objective->report(judgement).loss_nats, learnt, 1e-6 * learnt)
        << static_cast<int>(kind.options.loss);
    EXPECT_EQ(judgement.counts, objective->counts(batch));
    EXPECT_NEAR(judgement.losses[0], learnt * judgement.counts[0], 1e-6 * judgement.losses[0]);
  }
}

// The positive is the anchor's own text, the negative another: all are right. A classifier that knows one
// class only is right where it is that one.
TEST_F(SentenceObjectives, CountAsRightWhatIs) {
  const auto accuracy = [&](const Objective& objective, std::span<const Example> batch) {
    Judgement judgement;
    objective.judge({.model = model_.loaded.model.get(), .sentence = model_.head.get()}, batch, judgement);
    return judgement.hits / judgement.guesses;
  };
  std::vector<Example> pairs(6), triplets(6);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto word = static_cast<std::int32_t>(5 + i), other = static_cast<std::int32_t>(12 + i);
    pairs[i].ids = {2, word, 3, 2, word, 3};
    pairs[i].begins = {0, 3};
    pairs[i].labels = {static_cast<std::int64_t>(i % 3)};
    triplets[i].ids = {2, word, 3, 2, word, 3, 2, other, 3};
    triplets[i].begins = {0, 3, 6};
  }
  EXPECT_EQ(accuracy(*sentence_objective({.loss = kMultipleNegatives}, 6), pairs), 1);
  EXPECT_EQ(accuracy(*sentence_objective({.loss = kMultipleNegatives}, 6), triplets), 1);
  for (const SentenceDistance distance :
       {SentenceDistance::kCosine, SentenceDistance::kEuclidean, SentenceDistance::kManhattan})
    EXPECT_EQ(accuracy(*sentence_objective({.loss = kTriplet, .distance = distance}, 6), triplets), 1);
  const auto weight = std::make_shared<Weight>("classifier.weight", Tensor::zeros({3, 18})),
             bias = std::make_shared<Weight>("classifier.bias",
                                             Tensor::of<float>({3}, std::vector<float>{0, 1, 0}));
  std::vector<Example> classes = pairs;
  classes.resize(5);  // of which two have class 1
  EXPECT_NEAR(accuracy(*sentence_objective({.loss = kSoftmax}, 6, {weight, bias}), classes), 0.4, 1e-12);
}

TEST_F(SentenceObjectives, NoExampleAndNoTotalAddNothing) {
  const auto objective = sentence_objective({.loss = kCosent}, 6);
  EXPECT_EQ(objective->counts({}), std::vector<double>{0});
  EXPECT_EQ(learn(*objective, {}, {}).loss, 0);
}

TEST_F(SentenceObjectives, RefuseAMatryoshkaSizeThatTheVectorsLack) {
  EXPECT_EQ(check::message_of(Errc::kData,
                              [] { sentence_objective({.matryoshka = {7}, .matryoshka_weights = {1}}, 6); }),
            "objective.matryoshka: found 7, expected at most the 6 values of the vectors");
}

}  // namespace
}  // namespace lyceum
