// BERT (Devlin et al. 2018) and its bodies of other sizes, with the heads of its pre-training and
// fine-tuning.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "kernels/activation.h"
#include "nn/model.h"
#include "ops/linear/linear.h"

namespace lyceum {

// P: the paper. R: transformers' configuration class.
struct BertConfig {
  std::int64_t vocabulary = 30522;               // P section 3, R vocab_size
  std::int64_t width = 768;                      // P section 3 (H), R hidden_size
  std::int64_t layers = 12;                      // P section 3 (L), R num_hidden_layers
  std::int64_t heads = 12;                       // P section 3 (A), R num_attention_heads
  std::int64_t inner_width = 3072;               // P section 3 (4 H), R intermediate_size
  Activation activation = Activation::kGeluErf;  // R hidden_act
  std::int64_t max_positions = 512;              // R max_position_embeddings
  std::int64_t types = 2;                        // R type_vocab_size
  float layer_norm_epsilon = 1e-12f;             // R layer_norm_eps
  std::int64_t padding_id = 0;             // R pad_token_id; -1: none. Its embedding row gets no gradient
  bool tie_word_embeddings = true;         // R
  std::string problem_type;                // R; empty: told by labels and their type
  std::string architecture = "BertModel";  // architectures[0]
};

// From the text of config.json. Throws Errc::kFormat naming file and key; Errc::kUnsupported for what this
// build does not know (a decoder, relative positions, an activation, a class).
BertConfig bert_config(const std::string& config_json, const std::string& where);

struct NormWeights {
  WeightPtr gamma, beta;
};

struct BertLayer {
  Linear query_key_value, attention_output, inner, output;
  NormWeights attention_norm, output_norm;
};

// Every tensor of a checkpoint by its published name; heads are there when the architecture has them.
struct BertWeights {
  WeightPtr word, position, type;
  NormWeights embedding_norm;
  std::vector<BertLayer> layers;
  Linear pooler;     // [D, D]
  Linear transform;  // masked LM: dense, GELU, norm
  NormWeights transform_norm;
  Linear decoder;        // [V, D], tied to the word embeddings
  Linear next_sentence;  // [2, D]
  Linear classifier;     // [labels, D]: sequences, tokens, or spans (2)
  bool has_pooler = false;
  std::vector<WeightPtr> all;  // each once, in the order of the model
};
BertWeights take_bert_weights(const Checkpoint& checkpoint, const BertConfig& config);

class Bert final : public Model {
 public:
  Bert(BertConfig config, BertWeights weights);

  const std::string& family() const override;
  const std::string& architecture() const override { return config_.architecture; }
  const std::vector<WeightPtr>& parameters() const override { return weights_.all; }
  std::vector<std::string> taps() const override;
  std::vector<std::string> label_inputs() const override;
  std::vector<ModelOutput> run(const PackedTokens& tokens, const NamedTensors& inputs,
                               Taps& taps) const override;
  Tensor encode(const PackedTokens& tokens) const override;
  std::int64_t width() const override { return config_.width; }
  std::int64_t max_positions() const override { return config_.max_positions; }
  std::int64_t vocabulary() const override { return config_.vocabulary; }
  const BertConfig& config() const { return config_; }

 private:
  Tensor body(const PackedTokens& tokens, Taps& taps) const;
  BertConfig config_;
  BertWeights weights_;
};

}  // namespace lyceum
