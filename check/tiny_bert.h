// A BERT of a few hundred weights in a folder of the Hugging Face or sentence-transformers layout, for tests
// that need a model which loads, runs and can be broken on purpose. The weights are random and mean nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nn/named_tensors.h"
#include "tensor/dtype.h"

namespace lyceum::check {

struct TinyBertOptions {
  std::uint64_t seed = 1;  // the same seed and sizes give the same bytes
  std::int64_t width = 8, heads = 2, layers = 1, inner_width = 16, max_positions = 16, types = 2;
  std::string activation = "gelu";
  std::string architecture = "BertModel";  // any class that the family knows; its head is written too
  std::int64_t labels = 2;                 // of classification heads
  std::string problem_type;                // empty: not written
  DType dtype = DType::kF32;               // F32, F16 or BF16
  int shards = 1;  // more: model.safetensors.index.json and model-0000K-of-0000N.safetensors
  std::vector<std::string> vocabulary;  // empty: tiny_vocabulary()
  bool with_tokenizer = true;           // vocab.txt and tokenizer_config.json

  // With `sentence` the folder is a sentence-transformers model: modules.json and what it names.
  bool sentence = false;
  std::vector<std::string> pooling{"mean"};  // the library's names of modes
  std::int64_t dense_width = 0;              // more: a Dense module with so many outputs behind the pooling
  std::string dense_activation = "torch.nn.modules.activation.Tanh";
  bool normalize = true;
  std::int64_t max_seq_length = 0;  // 0: no sentence_bert_config.json
  std::map<std::string, std::string> prompts;
};

// [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, [MASK] 4, then words and pieces of lower-case English.
const std::vector<std::string>& tiny_vocabulary();

// The model's tensors in F32, by their published names.
NamedTensors tiny_bert_tensors(const TinyBertOptions& options = {});
// The text of config.json.
std::string tiny_bert_config(const TinyBertOptions& options = {});
// Writes the whole folder (made when it is not there).
void write_tiny_bert(const std::filesystem::path& folder, const TinyBertOptions& options = {});

}  // namespace lyceum::check
