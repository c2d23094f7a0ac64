// A model with a head for a task, its tokenizer, and how long its texts may be.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/registry.h"
#include "text/special_tokens.h"
#include "text/tokenizer.h"

namespace lyceum {

// The smallest of the limits that are above 0. Throws Errc::kData when it leaves no room for the special
// tokens of one text.
std::int64_t smallest_limit(std::initializer_list<std::int64_t> limits, const Tokenizer& tokenizer,
                            const ModelFolder& folder);

// Throws Errc::kData when the tokenizer has ids that the model has no embedding for.
void check_vocabulary(const Model& model, const Tokenizer& tokenizer, const ModelFolder& folder);

// What a model is and which verbs it serves, on one line for people. `is_pooled`: its folder says how tokens
// become the vector of a text.
std::string uses_of(const Model& model, bool is_pooled);

// Throws Errc::kUnsupported for a causal model, unless something says how its tokens become a text's vector.
void check_can_embed(const Model& model, bool is_pooled, const ModelFolder& folder);

struct TaskModel {
  std::unique_ptr<const Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  SpecialTokens special;
  std::int64_t max_tokens = 0;      // of a text or a pair, special tokens included
  std::vector<std::string> unused;  // tensors of the files that the model does not need

  // `compute` as load_model. Throws what ModelFolder, the registry and the tokenizer throw;
  // Errc::kUnsupported, naming the class and the verbs that it serves, when its head is another than `head`.
  static TaskModel load(const ModelFolder& folder, Head head, std::optional<Compute> compute = {});
};

}  // namespace lyceum
