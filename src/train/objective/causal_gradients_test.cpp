// Needs the family gpt2.
#include <gtest/gtest.h>

#include "nn/initial_values.h"
#include "nn/registry.h"
#include "train/objective/complete_gradients_test_told.h"

namespace lyceum {
namespace {

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

}  // namespace
}  // namespace lyceum
