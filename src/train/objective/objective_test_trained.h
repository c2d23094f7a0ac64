// A tiny model whose every weight learns, and examples for it.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "nn/registry.h"
#include "train/objective/objective.h"

namespace lyceum {

class Trained {
 public:
  explicit Trained(check::TinyBertOptions options) {
    check::write_tiny_bert(folder_.path(), options);
    loaded_ = load_model(ModelFolder::find(folder_.path().string()));
    for (const WeightPtr& weight : model().parameters()) weight->set_trainable(true);
  }
  Model& model() { return *loaded_.model; }
  Learner learner() { return {.model = loaded_.model.get()}; }
  // Every gradient in the order of the model, then the loss.
  std::vector<Tensor> learn(const Objective& objective, std::span<const Example> examples,
                            const LearnOptions& options = {}) {
    Gradients gradients;
    const double loss = objective.learn(learner(), examples, objective.counts(examples), options, gradients);
    std::vector<Tensor> out;
    for (const WeightPtr& weight : model().parameters()) {
      Tensor g = gradients.take(weight->variable());
      out.push_back(g.defined() ? g.reshaped(weight->shape()) : Tensor::zeros(weight->shape()));
    }
    out.push_back(Tensor::full({1}, static_cast<float>(loss)));
    return out;
  }

 private:
  check::TemporaryFolder folder_;
  LoadedModel loaded_;
};

// `count` texts of 3 to 9 tokens; a label on some of each one's tokens.
inline std::vector<Example> masked_examples(std::size_t count, std::int64_t vocabulary) {
  Random random(7);
  std::vector<Example> out;
  for (std::size_t i = 0; i < count; ++i) {
    Example e;
    const std::size_t tokens = 3 + random.below(7);
    for (std::size_t t = 0; t < tokens; ++t) {
      e.ids.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(vocabulary))));
      e.labels.push_back(t % 3 == i % 3
                             ? static_cast<std::int64_t>(random.below(static_cast<std::uint32_t>(vocabulary)))
                             : kIgnoredLabel);
    }
    e.types.assign(tokens, static_cast<std::int32_t>(i % 2));
    e.has_token_labels = true;
    e.next_sentence = static_cast<std::int64_t>(i % 2);
    e.id = i;
    e.where = "example " + std::to_string(i);
    out.push_back(std::move(e));
  }
  return out;
}

}  // namespace lyceum
