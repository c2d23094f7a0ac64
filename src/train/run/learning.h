// What a recipe begins with: a model with its tokenizer, an objective, and where examples come from.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/function_ref.h"
#include "data/batches/batches.h"
#include "data/examples/label_names.h"
#include "formats/model_folder.h"
#include "nn/registry.h"
#include "nn/sentence_head.h"
#include "text/tokenizer.h"
#include "train/objective/objective.h"
#include "train/recipe/recipe.h"
#include "train/run/adapter_learning.h"
#include "train/run/run_tokenizer.h"

namespace lyceum {

struct Learning {
  std::string config;  // config.json of what is learnt
  std::optional<ModelFolder>
      source;  // of the tokenizer's files, copied to where the model is saved; none: bytes, or learnt
  std::shared_ptr<const Tokenizer> tokenizer;
  std::optional<TokenizerFiles> learnt_tokenizer;  // its files, where the recipe has it learnt
  LoadedModel loaded;
  std::vector<std::string> made;  // parameters that no file had
  std::shared_ptr<const LabelNames> labels;
  std::unique_ptr<Objective> objective;
  std::shared_ptr<const RecordFiles> train_files, valid_files;
  std::optional<SentencePipeline> pipeline;  // where vectors of sentences are learnt
  std::unique_ptr<SentenceHead> sentence;
  std::optional<Adapters> adapters;  // where the model itself stays as it is
  std::int64_t layers = 0;
  std::vector<WeightPtr> trained, frozen;  // of the model; the objective's own are trained too

  Learner learner() const { return {.model = loaded.model.get(), .sentence = sentence.get()}; }
};

// Throws Errc::kData and kFormat for a model, tokenizer and data that do not go together, naming the setting.
// learnt_tokenizer() is asked where the recipe has a vocabulary learnt, after everything that can be wrong
// without one.
Learning begin_learning(const Recipe& recipe, FunctionRef<TokenizerFiles()> learnt_tokenizer);

// The examples that are learnt from, and those that are judged: in their order, once, without chance.
std::unique_ptr<Batches> training_batches(const Recipe& recipe, const Learning& learning);
std::unique_ptr<Batches> validation_batches(const Recipe& recipe, const Learning& learning);

// A folder that the reference's libraries load: config.json, the tokenizer, model.safetensors in f32, or of
// adapters what PEFT loads instead of it; of
// vectors of sentences what sentence-transformers reads besides. It appears complete or not at all. Throws
// Errc::kIo.
void save_model(const std::filesystem::path& folder, const Learning& learning);

// How far from the input a parameter stands: 0 embeddings, N + 1 layer N, layers + 1 what is behind.
std::int64_t depth_of(const std::string& name, std::int64_t layers);

}  // namespace lyceum
