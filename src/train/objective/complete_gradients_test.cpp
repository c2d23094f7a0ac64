#include <gtest/gtest.h>

#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "nn/registry.h"
#include "train/objective/complete_gradients_test_told.h"

namespace lyceum {
namespace {

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
