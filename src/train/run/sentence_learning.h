// Vectors of sentences: the modules behind the encoder that a recipe trains and a folder keeps.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "train/run/learning.h"

namespace lyceum {

// The modules of `from`, or mean pooling, as the recipe's model section changes them. Throws Errc::kData for
// what does not go together.
SentencePipeline begin_pipeline(const ModelRecipe& recipe, const std::optional<ModelFolder>& from);
// Where the encoder's own files are.
ModelFolder body_of(const SentencePipeline& pipeline, const ModelFolder& from);

// The head over an encoder of this width; a dense layer that the recipe adds begins as PyTorch's. Completes
// the pipeline: widths, and the longest text, which neither the encoder's positions nor the tokenizer's files
// (`body`) let grow.
std::unique_ptr<SentenceHead> begin_sentence_head(const Recipe& recipe, SentencePipeline& pipeline,
                                                  const std::optional<ModelFolder>& from,
                                                  const std::optional<ModelFolder>& body, const Model& model);

std::unique_ptr<Objective> begin_sentence_objective(const Recipe& recipe, const SentenceHead& head,
                                                    std::int64_t classes);

// What sentence-transformers reads beside the encoder's own files. Throws Errc::kIo.
void save_sentence_modules(const std::filesystem::path& folder, const Learning& learning);

}  // namespace lyceum
