// An objective tells of a weight as soon as its gradient is complete: in the order of the walk back, with the
// bits that it would have had at the end.
#include <gtest/gtest.h>

#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "nn/initial_values.h"
#include "nn/registry.h"
#include "train/objective/objective.h"

namespace lyceum {
namespace {

// Tells, in its order, of the weights that were complete before learn() returned; the bits of all gradients.
struct Learnt {
  double loss = 0;
  std::vector<std::string> told;
  std::map<std::string, std::vector<float>> gradients;
};

Learnt learn(Model& model, const Objective& objective, std::span<const Example> examples, bool tells,
             LearnOptions options) {
  Learnt out;
  std::map<Variable, WeightPtr> weights;
  for (const WeightPtr& weight : model.parameters()) weights[weight->variable()] = weight;
  Gradients gradients;
  const auto take = [&](const WeightPtr& weight) {
    const Tensor gradient = gradients.take(weight->variable());
    if (!gradient.defined()) return false;
    EXPECT_FALSE(out.gradients.contains(weight->name())) << weight->name() << " was complete before";
    out.gradients[weight->name()] = gradient.values<float>();
    return true;
  };
  if (tells)
    options.on_complete = [&](Variable variable) {
      if (const auto it = weights.find(variable); it != weights.end() && take(it->second))
        out.told.push_back(it->second->name());
    };
  out.loss = objective.learn({.model = &model}, examples, objective.counts(examples), options, gradients);
  for (const auto& [variable, weight] : weights) take(weight);
  return out;
}

void expect_told(Model& model, const Objective& objective, std::span<const Example> examples) {
  for (const WeightPtr& weight : model.parameters()) weight->set_trainable(true);
  for (const bool recompute : {false, true})
    for (const std::int64_t part_tokens : {0, 8}) {
      const LearnOptions options{
          .dropout_seed = 5, .recompute_layers = recompute, .part_tokens = part_tokens};
      const Learnt want = learn(model, objective, examples, false, options),
                   got = learn(model, objective, examples, true, options);
      EXPECT_EQ(got.loss, want.loss);
      EXPECT_EQ(got.gradients, want.gradients);
      EXPECT_EQ(got.told.size(), want.gradients.size()) << "all of them before the end";
      // the last layer goes first, the embeddings last
      const auto place = [&](const char* part) {
        return std::find_if(got.told.begin(), got.told.end(),
                            [&](const std::string& name) { return name.find(part) != std::string::npos; }) -
               got.told.begin();
      };
      EXPECT_LT(place(".2."), place(".0."));
      EXPECT_GT(place("wpe") + place("position_embeddings"), 2 * place(".0."));
    }
}

std::vector<Example> examples_of(bool with_tokens) {
  std::vector<Example> out(5);
  for (std::size_t i = 0; i < out.size(); ++i) {
    Example& e = out[i];
    e.id = i;
    for (std::size_t t = 0; t < 3 + i; ++t) e.ids.push_back(static_cast<std::int32_t>(5 + (i * 3 + t) % 9));
    e.has_token_labels = with_tokens;
    if (with_tokens) e.labels.assign(e.ids.begin(), e.ids.end());
    if (!with_tokens) e.labels = {static_cast<std::int64_t>(i % 2)};
  }
  return out;
}

TEST(CompleteGradients, OfACausalModelWhoseWordsAreReadTwice) {
  Checkpoint none;
  none.make_missing([](const std::string& name, const Shape& shape) {
    return initial_value(name, shape, {.seed = 3, .deviation = 0.2});
  });
  const LoadedModel loaded = load_model(
      R"({"model_type":"gpt2","architectures":["GPT2LMHeadModel"],"n_layer":3,"n_embd":8,"n_head":2,)"
      R"("n_positions":16,"vocab_size":20})",
      "config", none);
  expect_told(*loaded.model, *words_objective(false, 0), examples_of(true));
}

TEST(CompleteGradients, OfAClassifier) {
  check::TemporaryFolder t;
  check::write_tiny_bert(t.path(), {.layers = 3, .architecture = "BertForSequenceClassification"});
  const LoadedModel loaded = load_model(ModelFolder::find(t.path().string()));
  expect_told(*loaded.model, *sequence_objective(SequenceTask::kClass, 0), examples_of(false));
}

TEST(CompleteGradients, OfAMaskedModel) {
  check::TemporaryFolder t;
  check::write_tiny_bert(t.path(), {.layers = 3, .architecture = "BertForMaskedLM"});
  const LoadedModel loaded = load_model(ModelFolder::find(t.path().string()));
  expect_told(*loaded.model, *words_objective(false, 0), examples_of(true));
}

}  // namespace
}  // namespace lyceum
