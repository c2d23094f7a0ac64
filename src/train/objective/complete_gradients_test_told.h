// An objective tells of a weight as soon as its gradient is complete: in the order of the walk back, with the
// bits that it would have had at the end.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "train/objective/objective.h"

namespace lyceum {

// Tells, in its order, of the weights that were complete before learn() returned; the bits of all gradients.
struct ToldGradients {
  double loss = 0;
  std::vector<std::string> told;
  std::map<std::string, std::vector<float>> gradients;
};

inline ToldGradients learn_told(Model& model, const Objective& objective, std::span<const Example> examples,
                                bool tells, LearnOptions options) {
  ToldGradients out;
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

inline void expect_told(Model& model, const Objective& objective, std::span<const Example> examples) {
  for (const WeightPtr& weight : model.parameters()) weight->set_trainable(true);
  for (const bool recompute : {false, true})
    for (const std::int64_t part_tokens : {0, 8}) {
      const LearnOptions options{
          .dropout_seed = 5, .recompute_layers = recompute, .part_tokens = part_tokens};
      const ToldGradients want = learn_told(model, objective, examples, false, options),
                          got = learn_told(model, objective, examples, true, options);
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

inline std::vector<Example> examples_of(bool with_tokens) {
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

}  // namespace lyceum
